"""Start the ranks of a tool as torchrun does, and end with their exit status, not always with 1."""

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

if __name__ == '__main__':
    try:
        main()
    except ChildFailedError as error:
        status = error.get_first_failure()[1].exitcode
        # a rank that was killed has the negative number of its signal; those have a traceback too
        if status <= 1:
            raise
        raise SystemExit(status) from None
