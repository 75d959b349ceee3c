"""The same as ``qaclims train-miniworld``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['train-miniworld', *sys.argv[1:]])
