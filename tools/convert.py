"""The same as ``qaclims convert``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['convert', *sys.argv[1:]])
