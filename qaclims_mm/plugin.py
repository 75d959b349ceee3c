"""Registers every component; the one target of ``custom_imports`` in the configs."""

from qaclims_mm.compat import mend_openmmlab

mend_openmmlab()

import qaclims_mm.corpus  # noqa: E402
import qaclims_mm.datasets  # noqa: E402
import qaclims_mm.engine  # noqa: E402
import qaclims_mm.evaluation  # noqa: E402
import qaclims_mm.models  # noqa: E402
import qaclims_mm.vlms  # noqa: E402, F401
