"""Checks of data sets, weights, configs and the files between stages."""
