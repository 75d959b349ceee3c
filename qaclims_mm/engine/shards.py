"""Parts of a run's images, for jobs that share them on several machines."""

import argparse
import re
from collections.abc import Sequence
from typing import NamedTuple

HELP = 'process part K of N alone and write no manifest; run without it when all parts are done'


class Shard(NamedTuple):
    """Part of the images of a run.

    Attributes:
        number: Number of the part, from 1.
        parts: Number of parts.
    """

    number: int
    parts: int

    def __str__(self) -> str:
        return f'{self.number}/{self.parts}'

    def share(self, units: Sequence[Sequence[str]]) -> set[str]:
        """Return the images of this part, the same whichever are done.

        Args:
            units: Images that stay together, of the whole run.

        Example:
            >>> sorted(Shard(2, 2).share([['a'], ['b'], ['c'], ['d']]))
            ['b', 'd']
        """
        return {image_id for unit in units[self.number - 1 :: self.parts] for image_id in unit}


def parse_shard(text: str) -> Shard:
    """Read ``K/N``; the type of an argument of the command line.

    Raises:
        ArgumentTypeError: If it is something else, or K is not in 1 .. N.
    """
    found = re.fullmatch(r'(\d{1,6})/(\d{1,6})', text, re.ASCII)
    if found and 1 <= int(found[1]) <= int(found[2]):
        return Shard(int(found[1]), int(found[2]))
    raise argparse.ArgumentTypeError(f'must be K/N with 1 <= K <= N, such as 1/4, but got {text!r}')
