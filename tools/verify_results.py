"""The same as ``qaclims verify-results``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['verify-results', *sys.argv[1:]])
