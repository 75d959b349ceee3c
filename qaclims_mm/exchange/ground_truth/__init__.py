"""Ground truth masks as people have them, understood by all of a folder together."""
