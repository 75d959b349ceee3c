"""What tests let other processes do; those import it by its name."""

import os
import signal
import time

import torch

from qaclims_mm.errors import RecordError


def square(number):
    """Return the square, which process it is of, and its threads."""
    if number < 0:
        raise RecordError(f'{number} is negative')
    return number * number, os.getpid(), torch.get_num_threads()


def die_of_five(number):
    """Kill the process, as the kernel does where memory is exhausted."""
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_long(folder):
    """Leave a file named as this process, and wait."""
    (folder / str(os.getpid())).touch()
    time.sleep(600)


class Killer:
    """A step of a pipeline that kills the process at one image."""

    def __init__(self, image_id):
        self.image_id = image_id

    def __call__(self, record):
        if record['image_id'] == self.image_id:
            die_of_five(5)
        return record
