"""The configs of a stage or of all stages of a plan."""

from pathlib import Path

from mmengine.config import Config

from qaclims_mm.engine.compat import mend_openmmlab
from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.config_file import execute_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.plan import read_plan


def read_configs(path: str | Path, options: dict | None = None) -> list[Config]:
    """Return a stage's config, or those of a pipeline's stages, each once.

    Args:
        path: The file.
        options: {dotted key: value} that override a stage's values.

    Raises:
        ConfigError: If there is no such file, it is of neither, or a pipeline is given options.
    """
    if not Path(path).is_file():
        raise ConfigError(f'config {path} does not exist; see configs/ for those that ship.')
    mend_openmmlab()
    # plans call functions of the package, which mmengine would take for a lazy config
    found = execute_config(path, lazy_import=False)
    # a plan may call the path of such a config ir_label
    if 'model' in found or isinstance(found.get('ir_label'), dict):
        return [read_config(str(path), options=options)]
    if 'stages' not in found:
        raise ConfigError(f'{path} is the config of neither a stage nor a pipeline; give one.')
    if options:
        raise ConfigError(f'{path} is a pipeline, which takes no options; give them to a stage.')
    paths = dict.fromkeys(s.config for s in read_plan(path).stages if s.config)
    return [read_config(p) for p in paths]
