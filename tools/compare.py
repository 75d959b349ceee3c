"""The same as ``qaclims compare``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['compare', *sys.argv[1:]])
