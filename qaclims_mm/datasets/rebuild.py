"""Building a data set from values of a file that anybody may have written.

mmengine's registries import what a dotted ``type`` names: building ``dict(type='os.system', ...)``
runs a command. What is read from a work dir therefore goes through ``rebuild_dataset``, which looks
names up in the package's own classes and passes on values of known types alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.transforms.loading import LoadBGRImage, LoadRGBImage
from qaclims_mm.errors import ConfigError, QAClimsError
from qaclims_mm.imports import import_submodules
from qaclims_mm.registry import DATASETS

LOADING = {c.__name__: c for c in (LoadRGBImage, LoadBGRImage)}
# these change how a run reads, but not which records there are
UNUSED = frozenset(
    ['type', 'pipeline', 'lazy_init', 'serialize_data', 'test_mode', 'max_refetch', 'strict']
)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return type(value) is int and value >= 0


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _are_folders(value: object) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_is_text, value.values())))


def _are_indices(value: object) -> bool:
    several = isinstance(value, list) and all(map(_is_number, value))
    return value is None or _is_number(value) or several


def _is_filter(value: object) -> bool:
    flags = isinstance(value, dict) and all(map(_is_flag, value.values()))
    return value is None or (flags and set(value) <= {'filter_empty_gt'})  # type: ignore[call-overload]


# {option: whether a value is one of it}
OPTIONS: dict[str, Callable[[object], bool]] = {
    'ann_file': _is_text,
    'data_root': _is_text_or_none,
    'data_prefix': _are_folders,
    'labels_file': _is_text_or_none,
    'project': _is_text_or_none,
    'classes': _are_texts,
    'num_classes': lambda value: value is None or _is_number(value),
    'labelled': _is_flag,
    'filter_cfg': _is_filter,
    'indices': _are_indices,
}
_LOADING_OPTIONS: dict[str, Callable[[object], bool]] = {
    'oriented': _is_flag,
    'max_side': lambda value: value is None or (_is_number(value) and value != 0),
}


def rebuild_dataset(values: object) -> ImageLevelDataset:
    """Return the data set of a test run, with the loading step of its pipeline alone.

    Args:
        values: Config of the data set as plain JSON; it is not trusted.

    Raises:
        ConfigError: If it names another class than the package's image-level data sets, begins its
            pipeline with another step than ``LOADING``, has an option of another name or type, or
            its files cannot be read.
    """
    if not isinstance(values, Mapping):
        raise ConfigError('the config has no data set of a test run')
    found = _known(image_level_datasets(), values, 'data set')
    options = {k: v for k, v in values.items() if k not in UNUSED}
    _check_options(options, OPTIONS, found.__name__)
    pipeline = values.get('pipeline') or []
    if not isinstance(pipeline, list):
        raise ConfigError(f'the pipeline of {found.__name__} is no list')
    # what further steps read may be gone
    steps = [_loading(step) for step in pipeline[:1]]
    try:
        return found(**options, pipeline=steps, test_mode=True)
    except (QAClimsError, OSError):
        raise
    except Exception as error:  # options of the right types may still fit no file
        raise ConfigError(f'{found.__name__} fails ({type(error).__name__}: {error})') from error


def image_level_datasets() -> dict[str, type[ImageLevelDataset]]:
    """Return {name: class} of the image-level data sets that the package registers."""
    # a command that executes no config has not registered them
    import_submodules('qaclims_mm.datasets')
    return {
        name: found
        for name, found in DATASETS.module_dict.items()
        if isinstance(found, type)
        and issubclass(found, ImageLevelDataset)
        and found.__module__.startswith('qaclims_mm.')
    }


def _known(classes: Mapping[str, Any], values: object, what: str) -> Any:
    """Return the class that a config names, by lookup alone."""
    name = values.get('type') if isinstance(values, Mapping) else None
    if not isinstance(name, str) or name not in classes:
        raise ConfigError(
            f'a {what} of type {str(name)[:80]!r} is not built from a file, since its code would '
            f'run; only {", ".join(sorted(classes))} are'
        )
    return classes[name]


def _check_options(
    options: Mapping[str, object], known: Mapping[str, Callable[[object], bool]], name: str
) -> None:
    for key, value in options.items():
        if key not in known:
            raise ConfigError(f'{name} is not built from a file with the option {key[:80]!r}')
        if not known[key](value):
            raise ConfigError(f'{name} does not take {str(value)[:80]!r} as its {key}')


def _loading(step: object) -> LoadRGBImage:
    if isinstance(step, Mapping) and step.get('type') == 'LoadImageFromFile':
        # mmcv's; whatever decodes, the picture is the same
        return LoadBGRImage()
    found = _known(LOADING, step, 'first step of a pipeline')
    options = {k: v for k, v in dict(step).items() if k != 'type'}  # type: ignore[call-overload]
    _check_options(options, _LOADING_OPTIONS, found.__name__)
    return found(**options)
