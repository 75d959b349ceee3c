"""The same as ``qaclims browse-corpus``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['browse-corpus', *sys.argv[1:]])
