"""The same as ``qaclims init``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['init', *sys.argv[1:]])
