"""Any network of timm as a backbone: its last feature map, before the pooling.

Shapes: B images, C channels, H W pixels, P Q feature cells.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted, shown_text


@MODELS.register_module()
class TimmFeatures(BaseModule):
    """A network of timm without its classifier.

    A convolutional network gives the map that its classifier would pool; a ViT gives its patch
    tokens as a map, at any size of whole patches (``CAMNetwork.patch_size`` makes it one).

    Args:
        model_name: As in ``timm.create_model``; ``timm.list_models()`` lists them.
        frozen: Patterns (``re.match``) of names of parameters that are not trained. Modules of such
            names stay in evaluation mode.
        norm_eval: Whether batch normalisations keep their statistics in training.
        options: Further options of the model, such as ``dict(output_stride=16)``.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` with weights in timm's own names: a
            file, a folder with ``model.safetensors``, or an address such as
            ``https://huggingface.co/timm/NAME/resolve/main/model.safetensors``. All of them must
            fit. Without it the weights are random, and nothing is ever downloaded.

    Raises:
        ConfigError: If timm has no such model, it does not take an option, or a pattern of
            ``frozen`` names nothing.
    """

    def __init__(
        self,
        model_name: str,
        frozen: Sequence[str] = (),
        norm_eval: bool = False,
        options: Mapping[str, Any] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.network = _create(model_name, options or {})
        self.frozen = tuple(frozen)
        self.norm_eval = norm_eval
        names = [name for name, _ in self.network.named_parameters()]
        for pattern in self.frozen:
            if not any(re.match(pattern, name) for name in names):
                raise ConfigError(
                    f'frozen must name parameters of {model_name}, but {pattern} names none; '
                    f'they begin with {", ".join(dict.fromkeys(n.split(".")[0] for n in names))}.'
                )
        for name, parameter in self.network.named_parameters():
            if self._is_frozen(name):
                parameter.requires_grad_(False)

    def _is_frozen(self, name: str) -> bool:
        return any(re.match(pattern, name) for pattern in self.frozen)

    def train(self, mode: bool = True) -> 'TimmFeatures':
        """Switch the mode, except that of what is frozen."""
        super().train(mode)
        for name, module in self.network.named_modules():
            kept = self.norm_eval and isinstance(module, nn.modules.batchnorm._BatchNorm)
            if kept or (name and self._is_frozen(f'{name}.')):
                module.eval()
        return self

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names, if it names any.

        Raises:
            FormatError: If they are not there, or not those of the network.
        """
        # timm has initialised the network; mmengine would call its init_weights another time
        self._is_init = True
        if not self.init_cfg:
            return
        source = _weights_file(self.init_cfg['checkpoint'])
        state = CheckpointLoader.load_checkpoint(source, 'cpu')
        state = _without_classifier(state.get('state_dict', state), self.network)
        wanted = self.network.state_dict()
        wrong = [k for k, v in state.items() if k in wanted and v.shape != wanted[k].shape]
        if wrong:
            raise FormatError(f'{source} has weights of another shape, such as {wrong[0]}.')
        missing = [key for key in wanted if key not in state]
        unexpected = [key for key in state if key not in wanted]
        if missing or unexpected:
            listed = [*missing, *unexpected][:5]
            raise FormatError(
                f'{source} does not fit {type(self.network).__name__}: '
                f'{counted(len(missing), "weight", "are missing")} and {len(unexpected)} '
                f'unexpected, such as {", ".join(listed)}; give the weights that timm has for it.'
            )
        self.network.load_state_dict(state)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Map normalised images ``(B, 3, H, W)`` to features ``(B, C, P, Q)``."""
        found = self.network.forward_features(images)
        if found.ndim == 3:
            side = self.network.patch_embed.patch_size
            grid = [n // s for n, s in zip(images.shape[-2:], side, strict=True)]
            tokens = found[:, self.network.num_prefix_tokens :]
            found = tokens.transpose(1, 2).unflatten(2, grid)
        elif getattr(self.network, 'output_fmt', 'NCHW') == 'NHWC':
            found = found.permute(0, 3, 1, 2)
        return (found.contiguous(),)


def _create(model_name: str, options: Mapping[str, Any]) -> Any:
    """Return a network of timm with random weights and no classifier.

    Raises:
        ConfigError: If timm has no such model, or it does not take an option.
    """
    import timm

    if not timm.is_model(model_name):
        known = timm.list_models(f'*{model_name.split("_")[-1]}*')[:5]
        hint = f'it has {", ".join(known)}' if known else 'timm.list_models() lists its models'
        raise ConfigError(f'timm has no model {model_name!r}; {hint}.')
    given = dict(pretrained=False, num_classes=0, **options)
    try:
        # position embeddings are interpolated to the image at hand
        return timm.create_model(model_name, **{'dynamic_img_size': True, **given})
    except TypeError:
        pass
    try:
        # a network without position embeddings
        return timm.create_model(model_name, **given)
    except TypeError as error:
        raise ConfigError(f'{model_name} of timm does not take an option: {error}.') from error


def _weights_file(source: str) -> str:
    """Return the file of weights in a folder; an address or a file as it is.

    Raises:
        FormatError: If there is no such file.
    """
    if '://' in source:
        return source
    path = Path(source).expanduser()
    if path.is_dir():
        path /= 'model.safetensors'
    if not path.is_file():
        raise FormatError(
            f'there are no weights {shown_text(path)}; give a file, a folder with '
            'model.safetensors, or an address (init_cfg.checkpoint), or start from random weights '
            '(init_cfg=None).'
        )
    return str(path)


def _without_classifier(state: dict[str, Tensor], network: Any) -> dict[str, Tensor]:
    """Return weights under the network's names, without those of the classifier that it lacks."""
    adapt = getattr(sys.modules[type(network).__module__], 'checkpoint_filter_fn', None)
    if adapt is not None:
        # older files of a network have other names
        state = adapt(dict(state), network)
    heads = network.pretrained_cfg.get('classifier') or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    own = network.state_dict().keys()
    dropped = tuple(f'{head}.' for head in heads)
    return {k: v for k, v in state.items() if k in own or not k.startswith(dropped)}
