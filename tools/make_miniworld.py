"""The same as ``qaclims make-miniworld``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['make-miniworld', *sys.argv[1:]])
