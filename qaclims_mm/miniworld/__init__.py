"""MiniWorld: a drawn world in which the whole method runs on a laptop, offline."""

from qaclims_mm.miniworld.generate import generate
from qaclims_mm.miniworld.world import CLASSES

__all__ = ['CLASSES', 'generate']
