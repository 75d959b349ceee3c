"""The same as ``qaclims encode-texts``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['encode-texts', *sys.argv[1:]])
