"""The same as ``qaclims check-files``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['check-files', *sys.argv[1:]])
