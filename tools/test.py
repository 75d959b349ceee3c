"""The same as ``qaclims test``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['test', *sys.argv[1:]])
