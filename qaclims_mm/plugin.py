"""Registers every component; the one target of ``custom_imports`` in the configs."""

from qaclims_mm.engine.compat import mend_openmmlab

mend_openmmlab()

import qaclims_mm.corpus  # noqa: E402, F401
import qaclims_mm.datasets  # noqa: E402, F401
import qaclims_mm.evaluation  # noqa: E402, F401
import qaclims_mm.models  # noqa: E402, F401
import qaclims_mm.vlms  # noqa: E402, F401
from qaclims_mm.imports import import_submodules  # noqa: E402

for package in ('qaclims_mm.datasets', 'qaclims_mm.engine'):
    import_submodules(package)
