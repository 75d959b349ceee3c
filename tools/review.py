"""The same as ``qaclims review``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['review', *sys.argv[1:]])
