"""The same as ``qaclims config-diff``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['config-diff', *sys.argv[1:]])
