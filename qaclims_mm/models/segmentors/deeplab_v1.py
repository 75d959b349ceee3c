"""DeepLabV1."""

from mmseg.models import EncoderDecoder

from qaclims_mm.registry import MODELS


@MODELS.register_module()
class DeepLabV1(EncoderDecoder):
    """DeepLabV1: a dilated backbone and a ``LargeFOVHead``, trained as any mmseg segmentor."""
