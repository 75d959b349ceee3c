"""The networks of the page, by the place where they lie."""

from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from qaclims_mm.engine.config import read_config
from qaclims_mm.inference.meaning import preset_of, warning_of
from qaclims_mm.inference.models import STAGES, FoundModel, find_model, last_checkpoint
from qaclims_mm.inference.networks import Weights
from qaclims_mm.inference.plain_config import config_of_values
from qaclims_mm.paths import SHIPPED, config_file
from qaclims_mm.schemas import read_run_config, run_config_path
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.project import PROJECT

_SEGMENT, *_MAPS = STAGES


@dataclass(frozen=True)
class Networks:
    """Networks of the page; there is one of maps, a segmentor, or both.

    Attributes:
        config: Config of a network of activation maps, or ``None``.
        weights: Its checkpoint, or ``None`` if it needs none.
        weights_name: File or address of its checkpoint, or ''.
        segmentor: A trained segmentor, or ``None``.
        qape: Config of the stage that asks a VQA model, or ``None``.
        refiner: Config of a refiner of maps, or ``None``.
        lines: Lines that say which networks these are.
        preset: Preset of the project, or '' if it is unknown.
        max_side: Longest side in pixels that an image is read with; ``None`` is the config's.
    """

    config: Config | None = None
    weights: Weights | None = None
    weights_name: str = ''
    segmentor: FoundModel | None = None
    qape: Config | None = None
    refiner: Config | None = None
    lines: tuple[str, ...] = ()
    preset: str = ''
    max_side: int | None = None

    @property
    def warning(self) -> str:
        """Why the masks mean nothing on photographs, or ''."""
        segmentor = self.segmentor.config if self.segmentor else None
        configs = (self.config, segmentor, self.qape, self.refiner)
        return warning_of(self.preset, (cfg.to_dict() for cfg in configs if cfg is not None))


def shipped_networks() -> Networks:
    """Return MiniWorld's networks, which ship with the package."""
    config, qape, refiner = (
        read_config(config_file(f'{name}_miniworld-112x112'))
        for name in (
            'qa-clims_r18-mini_clip-mini-mask_1xb16-5e',
            'qape_blip-mini_fg6-bg10',
            'par_qa-clims',
        )
    )
    weights = f'{SHIPPED}qa_clims/r18-mini.safetensors'
    return Networks(config, weights, weights, qape=qape, refiner=refiner, max_side=224)


def network_of_config(config: str | Path) -> Networks:
    """Return a network of maps that needs no checkpoint.

    Args:
        config: Config, see ``paths.config_file``. It is executed.
    """
    return Networks(read_config(config_file(config)))


def find_networks(model: str | Path, config: str | Path | None = None) -> Networks:
    """Find the networks of a project or a work dir, or the one network of another place.

    Args:
        model: As for ``inference.load_model``. Of a project or a work dir the network of maps and
            the segmentor are taken, and the VQA model that was asked in its run.
        config: Config of a checkpoint that lies elsewhere. It is executed.

    Raises:
        FormatError: If there is no such place, no checkpoint, or no config of it.
        ConfigError: If the network makes neither masks nor maps.
    """
    folder = Path(model)
    root = folder / 'work' if (folder / PROJECT).is_file() else folder
    stages = [] if config or last_checkpoint(folder) else _trained_stages(root)
    found = [find_model(stage) for stage in stages] or [find_model(model, config)]
    maps = next((one for one in found if one.makes_maps), None)
    segmentor = next((one for one in found if not one.makes_maps), None)
    return Networks(
        maps.config if maps else None,
        maps.checkpoint if maps else None,
        str(maps.file) if maps else '',
        segmentor,
        _asking_config(root / 'qape') if maps and stages else None,
        lines=tuple(one.describe() for one in found),
        preset=preset_of(folder),
    )


def _trained_stages(root: Path) -> list[Path]:
    """Return the folders of the best-suited network of maps and of the segmentor."""
    maps = [root / name for name in _MAPS if last_checkpoint(root / name)][:1]
    segmentor = [root / _SEGMENT] if last_checkpoint(root / _SEGMENT) else []
    return maps + segmentor


def _asking_config(stage: Path) -> Config | None:
    """Return the config with which a run has asked its VQA model; nothing of it is executed."""
    path = run_config_path(stage, 'test')
    if problem_of_file(path) == 'is missing':
        return None
    # questions are about the classes of the network of maps
    return config_of_values(read_run_config(path).values, path, classes=['background'])
