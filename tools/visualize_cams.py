"""The same as ``qaclims visualize-cams``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['visualize-cams', *sys.argv[1:]])
