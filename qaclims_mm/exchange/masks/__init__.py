"""Masks written for labelling tools, and read back from them."""
