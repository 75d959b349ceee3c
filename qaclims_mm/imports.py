"""Importing every module of a package, so that no list of components is kept by hand."""

import importlib
import pkgutil
import sys


def import_submodules(package: str) -> None:
    """Import all modules directly below ``package``; their components register as a side effect."""
    path = sys.modules[package].__path__
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f'{package}.{module.name}')
