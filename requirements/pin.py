"""Print the versions of this environment's packages: python requirements/pin.py > constraints.

Only those of the package's own requirements, its extras among them, and of what they require.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# The versions that the tests passed with; made by: python requirements/pin.py
# torch and torchvision are pinned too, because numbers depend on them. These releases exist for
# Linux, macOS and Windows, and builds for other CUDA versions (2.14.1+cu126) satisfy the pin.
# Libraries that torch itself pins, for Linux alone (nvidia-*, triton), are left to torch.
"""
# torch names exact versions of these
OF_TORCH = re.compile(r'^(nvidia-|cuda-|triton$)')
OWN = 'qaclims-mm'


def closure(name: str = OWN) -> dict[str, str]:
    """Return {distribution: version} of all that a distribution and its extras require."""
    found: dict[str, str] = {}
    todo: list[tuple[str, frozenset[str]]] = [
        (name, frozenset(distribution(name).metadata.get_all('Provides-Extra') or ()))
    ]
    seen = set(todo)
    while todo:
        part, extras = todo.pop()
        try:
            there = distribution(part)
        except PackageNotFoundError:
            # an extra that this environment does without
            continue
        found[canonicalize_name(part)] = there.version.partition('+')[0]
        more = {(canonicalize_name(r.name), frozenset(r.extras)) for r in _needs(there, extras)}
        todo += more - seen
        seen |= more
    del found[canonicalize_name(name)]
    return {name: v for name, v in sorted(found.items()) if not OF_TORCH.match(name)}


def _needs(there: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in there.requires or ():
        need = Requirement(line)
        if not need.marker or any(need.marker.evaluate({'extra': e}) for e in ('', *extras)):
            yield need


if __name__ == '__main__':
    sys.stdout.write(HEADER + ''.join(f'{n}=={v}\n' for n, v in closure().items()))
