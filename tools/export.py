"""The same as ``qaclims export``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['export', *sys.argv[1:]])
