"""The same as ``qaclims ablate``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['ablate', *sys.argv[1:]])
