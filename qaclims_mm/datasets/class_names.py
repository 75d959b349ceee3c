"""Class names of a data set, without its images and labels."""

from collections.abc import Mapping
from typing import Any

from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas.project import read_project_classes


def class_names_of(dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of each value of a mask, the background first where the data set has one.

    Args:
        dataset: Config of a data set, ours or any of mmseg's; no image and no list of images is
            read.

    Raises:
        FormatError: If it is of a project whose tables are missing or wrong.
    """
    if dataset.get('project') is not None:
        return ('background', *read_project_classes(dataset['project']))
    if dataset.get('classes'):
        return ('background', *dataset['classes'])
    meta = dataset.get('metainfo') or getattr(DATASETS.get(dataset['type']), 'METAINFO', {})
    return tuple(meta.get('classes', ()))
