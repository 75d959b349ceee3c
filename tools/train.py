"""The same as ``qaclims train``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['train', *sys.argv[1:]])
