"""The same as ``qaclims upper-bound``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['upper-bound', *sys.argv[1:]])
