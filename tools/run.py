"""The same as ``qaclims run``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['run', *sys.argv[1:]])
