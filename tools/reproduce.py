"""The same as ``qaclims reproduce``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['reproduce', *sys.argv[1:]])
