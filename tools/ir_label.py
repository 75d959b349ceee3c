"""The same as ``qaclims ir-label``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['ir-label', *sys.argv[1:]])
