"""The control groups of Linux that this process is in, by which containers and jobs are bounded."""

from pathlib import Path, PurePosixPath

_CGROUPS, _MEMBERSHIP = Path('/sys/fs/cgroup'), Path('/proc/self/cgroup')


def groups_of(controller: str) -> list[Path]:
    """Return the folders of the control groups of this process that can be seen from here.

    The groups above count too. Without control groups (macOS, Windows) there is none.

    Args:
        controller: What they bound: ``memory`` or ``cpu``.
    """
    if not _MEMBERSHIP.is_file():
        return []
    found = []
    for line in _MEMBERSHIP.read_text(encoding='utf-8').splitlines():
        _, controllers, name = line.split(':', 2)
        if controllers and controller not in controllers.split(','):
            continue
        top, group = _CGROUPS / controllers, PurePosixPath(name.lstrip('/'))
        # a group outside of the container that this runs in cannot be seen
        inside = [] if '..' in group.parts else [group, *group.parents]
        found += [top / folder for folder in inside or [PurePosixPath()]]
    return found
