"""A VQA model whose ranks write down what they are asked, and one of which can be lost."""

import os
import signal
import time
import zlib
from pathlib import Path

from helpers import FakeVQA

from qaclims_mm.vlms.registry import VQA_MODELS


@VQA_MODELS.register_module()
class AskedVQA(FakeVQA):
    """Environment: ``ASKED`` is a folder that gets a file a rank, ``LOST`` the rank that is killed.

    It is killed at its second batch, once the files ``AFTER`` are there.
    """

    def answer(self, images, questions_per_image):
        """Write the images down and answer."""
        rank = os.environ.get('RANK', '0')
        if os.environ.get('LOST') == rank and self._written(rank):
            while not all(map(os.path.exists, os.environ['AFTER'].split(os.pathsep))):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        with Path(os.environ['ASKED'], f'{rank}.txt').open('a', encoding='utf-8') as file:
            file.writelines(f'{fingerprint(image)}\n' for image in images)
        return super().answer(images, questions_per_image)

    @staticmethod
    def _written(rank):
        return Path(os.environ['ASKED'], f'{rank}.txt').is_file()


def fingerprint(image):
    """Return a number that tells images apart."""
    return zlib.crc32(image.tobytes())
