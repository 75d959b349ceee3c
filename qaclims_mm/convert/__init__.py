"""Released files of the field, turned into ours; nothing that they contain is ever run."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
