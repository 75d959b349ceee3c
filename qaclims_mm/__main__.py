"""The command ``qaclims`` as ``python -m qaclims_mm``."""

from qaclims_mm.cli import main

if __name__ == '__main__':
    main()
