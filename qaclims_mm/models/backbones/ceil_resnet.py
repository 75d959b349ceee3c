"""The ResNet of DeepLabV2."""

from typing import Any

from mmseg.models.backbones import ResNet

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class CeilResNet(ResNet):
    """mmseg's ResNet with a max pooling that rounds sizes up, as Caffe's.

    Source:
        kazuto1011/deeplab-pytorch, libs/models/resnet.py.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maxpool.ceil_mode = True
