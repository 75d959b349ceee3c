"""Importing modules: all of a package, so that no list is kept by hand, and what stops imports."""

import importlib
import pkgutil
import sys


def import_submodules(package: str) -> None:
    """Import all modules directly below ``package``; their components register as a side effect."""
    path = sys.modules[package].__path__
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f'{package}.{module.name}')


def is_out_of_addresses(error: BaseException) -> bool:
    """Tell whether a library cannot be loaded because this process may take no more memory.

    Args:
        error: Error of an import.
    """
    signs = ('failed to map segment', 'Cannot allocate memory', 'cannot allocate memory')
    is_of_import = isinstance(error, (ImportError, OSError))
    return is_of_import and any(sign in str(error) for sign in signs)
