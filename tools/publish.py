"""The same as ``qaclims publish``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['publish', *sys.argv[1:]])
