"""The same as ``qaclims prepare-coco``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['prepare-coco', *sys.argv[1:]])
