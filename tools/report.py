"""The same as ``qaclims report``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['report', *sys.argv[1:]])
