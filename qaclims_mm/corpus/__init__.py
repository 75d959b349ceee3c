"""From images to texts: questions, answers, the stored corpus and the text bank."""

from qaclims_mm.imports import import_submodules

import_submodules(__name__)
