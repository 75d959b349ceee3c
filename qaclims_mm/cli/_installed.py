"""Tells when another version of the package is installed than the one that runs."""

import sys
from importlib.metadata import distributions

from qaclims_mm.paths import PACKAGE
from qaclims_mm.version import __version__


def warn_of_other_versions() -> None:
    """Print one line if the versions that are installed are not the one that runs."""
    found = {d.version for d in distributions(name='qaclims_mm')}
    if others := ', '.join(sorted(found - {__version__})):
        sys.stderr.write(
            f'warning: qaclims_mm {__version__} runs from {PACKAGE}, but {others} is installed; '
            'install this one again, or uninstall one of them.\n'
        )
