"""Numbers on the command line."""

import argparse


def positive(text: str) -> int:
    """Read a whole number above 0; the type of an argument."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:10]) < 10**9:
        raise argparse.ArgumentTypeError(f'must be a whole number above 0, but got {text!r}')
    return int(text)
