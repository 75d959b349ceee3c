"""The same as ``qaclims demo``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['demo', *sys.argv[1:]])
