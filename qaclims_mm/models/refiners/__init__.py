"""Networks that turn activation maps into pseudo masks."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
