"""A trained network by the place where it lies: a project, a work dir, a stage or a checkpoint.

The config is that of the run, which lies beside the checkpoint as JSON, or in a published file;
nothing of it is executed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.engine.checkpoints import checkpoint_path
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.inference.cam_inferencer import CAMInferencer
from qaclims_mm.inference.networks import read_checkpoint
from qaclims_mm.inference.plain_config import config_of_values
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.paths import config_file
from qaclims_mm.schemas import MODES, read_run_config, run_config_path
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import PROJECT
from qaclims_mm.schemas.published import PUBLISHED
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import OUTPUTS

# stages whose networks predict, the one to take first
STAGES = ('segment', 'qa_clims', 'cam')
_NUMBERED = re.compile(r'(epoch|iter)_(\d{1,18})\.pth')


@dataclass(frozen=True)
class FoundModel:
    """A trained network that was found.

    Attributes:
        config: Its model, classes and reading.
        checkpoint: What was loaded, see ``networks.read_checkpoint``.
        file: File of the checkpoint.
        origin: Where the config comes from, in words.
    """

    config: Config
    checkpoint: Mapping[str, Any]
    file: Path
    origin: str

    @property
    def makes_maps(self) -> bool:
        """Whether it is a network of activation maps, and no segmentor."""
        return 'cam_head' in self.config.model

    def describe(self) -> str:
        """Return a line that says which config and checkpoint these are."""
        kind = 'activation maps' if self.makes_maps else 'segmentor'
        return (
            f'{self.config.model.type} ({kind}) of {shown_text(self.file)}; config: {self.origin}'
        )


def load_model(
    model: str | Path, config: str | Path | None = None, device: str | None = None
) -> Segmenter | CAMInferencer:
    """Load a trained network once, to predict many images.

    Args:
        model: Folder of a project, of a run's work dir or of one of its stages; a checkpoint of a
            stage; or a file that ``qaclims publish`` has written.
        config: Config of a checkpoint that lies elsewhere, as in ``paths.config_file``. It is
            executed.
        device: By default a GPU if there is one.

    Returns:
        A ``Segmenter``, or a ``CAMInferencer`` for a network that makes activation maps.

    Raises:
        FormatError: If there is no such place, no checkpoint, or no config of it.
        ConfigError: If the network makes neither masks nor maps.

    Example:
        >>> from qaclims_mm.inference import load_model
        >>> config = 'deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112'
        >>> found = load_model('miniworld://segment/r18-mini.safetensors', config, device='cpu')
        >>> type(found).__name__, found.classes[1]
        ('Segmenter', 'aeroplane')
    """
    return load_found(find_model(model, config), device)


def load_found(
    found: FoundModel, device: str | None = None, tile: int | None = None
) -> Segmenter | CAMInferencer:
    """Load a network that was found; see ``load_model``, and ``Segmenter`` about tiles."""
    if found.makes_maps:
        return CAMInferencer(found.config, found.checkpoint, device)
    return Segmenter(found.config, found.checkpoint, device, tile)


def find_model(model: str | Path, config: str | Path | None = None) -> FoundModel:
    """Find checkpoint and config of a network; see ``load_model``."""
    init_default_scope('mmseg')
    if '://' not in str(model) and Path(model).is_dir():
        file = checkpoint_of_folder(Path(model))
    else:
        file = checkpoint_path(model)
    checkpoint = read_checkpoint(file)
    if config is not None:
        cfg = read_config(config_file(config))
        found = FoundModel(cfg, checkpoint, file, Path(cfg.filename or config).name)
    else:
        found = _with_own_config(file, checkpoint)
    is_segmentor = 'decode_head' in found.config.get('model', {})
    if not found.makes_maps and not is_segmentor:
        raise ConfigError(
            f'{shown_text(file)} is a network that makes neither masks nor activation maps of a '
            f'photograph alone; give that of one of the stages {", ".join(STAGES)}.'
        )
    return found


def _with_own_config(file: Path, checkpoint: Mapping[str, Any]) -> FoundModel:
    """Return a checkpoint with the config inside it, or that of the run which wrote it.

    Raises:
        FormatError: If there is neither.
    """
    meta = checkpoint['meta']
    data = meta.get('dataset_meta')
    classes = data.get('classes') if isinstance(data, Mapping) else None
    if isinstance(meta.get('config'), Mapping):
        config = config_of_values(meta['config'], shown_text(file), classes)
        return FoundModel(config, checkpoint, file, 'in the file')
    # mmengine keeps the text of a config in a checkpoint too, but that is code
    there = [run_config_path(file.parent, mode) for mode in MODES]
    path = next((p for p in there if not problem_of_file(p)), None)
    if path is None:
        raise FormatError(
            f'{shown_text(file)} has no config in it, and none of a run lies beside it '
            f'({" or ".join(p.name for p in there)}); give it: --config CONFIG.'
        )
    run = read_run_config(path)
    config = config_of_values(run.values, shown_text(path), classes)
    return FoundModel(config, checkpoint, file, f'{run.file or "of the run"} in {path.name}')


def checkpoint_of_folder(folder: Path) -> Path:
    """Return the checkpoint of a stage, or that of the best-suited stage of a run or a project.

    Raises:
        FormatError: If there is none, or if the stage has not ended.
    """
    if own := last_checkpoint(folder):
        _check_ended(folder, own)
        return own
    if (folder / PROJECT).is_file():
        folder /= 'work'
    for place in (folder / stage for stage in STAGES if (folder / stage).is_dir()):
        found = last_checkpoint(place)
        _check_ended(place, found)
        if found:
            return found
    others = sorted({p.parent for p in folder.glob('*/*') if _is_checkpoint(p)})
    others += sorted({p.parent for p in folder.glob('*/*/*') if _is_checkpoint(p)})
    if others:
        several = ', '.join(shown_text(p) for p in others[:5])
        raise FormatError(
            f'{shown_text(folder)} has no stage {", ".join(STAGES)} with a checkpoint; name the '
            f'folder of one: {several}.'
        )
    raise FormatError(
        f'{shown_text(folder)} has no checkpoint, so nothing was trained there; run its plan '
        '(qaclims run), or name a checkpoint.'
    )


def _check_ended(folder: Path, found: Path | None) -> None:
    """Refuse the folder of a stage that is not trained to its end.

    Args:
        folder: The folder. One that no run of a plan has begun says nothing of its end.
        found: The last checkpoint in it so far, if there is one.

    Raises:
        FormatError: If it has not ended.
    """
    if (folder / OUTPUTS).is_file() or (found and not StageFolder(folder).is_begun):
        return
    anyway = f'name {shown_text(found)} to take it anyway' if found else 'name another stage'
    raise FormatError(
        f'stage {shown_text(folder)} has not ended; wait for its run, go on with it (qaclims run), '
        f'or {anyway}.'
    )


def last_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of the last epoch or step, else the only one; ``None`` without one.

    Raises:
        FormatError: If there are several without a number.
    """
    if not folder.is_dir():
        return None
    files = sorted(p for p in folder.iterdir() if _is_checkpoint(p))
    numbered = [(int(m[2]), p) for p in files if (m := _NUMBERED.fullmatch(p.name))]
    if numbered:
        return max(numbered)[1]
    if len(files) > 1:
        several = ', '.join(shown_text(p.name) for p in files[:5])
        raise FormatError(f'{shown_text(folder)} has several checkpoints; name one: {several}.')
    return files[0] if files else None


def _is_checkpoint(path: Path) -> bool:
    return path.suffix in PUBLISHED and path.is_file()
