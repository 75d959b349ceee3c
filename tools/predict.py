"""The same as ``qaclims predict``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['predict', *sys.argv[1:]])
