"""Data sets, their transforms and samplers; ``qaclims_mm.plugin`` registers them."""
