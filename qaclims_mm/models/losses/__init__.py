"""The losses of the paper as modules."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
