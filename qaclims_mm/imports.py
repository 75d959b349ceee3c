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
    text = str(error)
    if not isinstance(error, (ImportError, OSError)):
        return False
    # of a file or a process it is another want of memory
    is_of_library = isinstance(error, ImportError) or '.so' in text
    return 'failed to map segment' in text or (
        is_of_library and 'cannot allocate memory' in text.lower()
    )
