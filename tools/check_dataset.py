"""The same as ``qaclims check-dataset``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['check-dataset', *sys.argv[1:]])
