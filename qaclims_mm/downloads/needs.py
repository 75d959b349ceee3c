"""What of a catalogue is there, what is fetched, and what a person has to fetch."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qaclims_mm.downloads.archives import is_half_unpacked, unpack
from qaclims_mm.downloads.caches import fetch_hub_model, file_of_weights, has_hub_model
from qaclims_mm.downloads.catalogue import DOWNLOADS, Catalogue, Item
from qaclims_mm.downloads.checksums import check_file, check_part, explain_size
from qaclims_mm.downloads.transfer import fetch
from qaclims_mm.downloads.wanted import Wanted
from qaclims_mm.errors import DownloadError, FormatError
from qaclims_mm.progress import new_progress
from qaclims_mm.schemas import atomic_path

THERE, FETCHED, TO_FETCH, BY_HAND = 'there', 'fetched', 'to fetch', 'by hand'
WRONG = 'wrong size'


@dataclass(frozen=True)
class Need:
    """An item on this machine.

    Attributes:
        item: What it is; the mirror, if there is one, is in its addresses.
        path: Where its file is or goes; ``None`` for a model of the hub.
        state: ``there``: nothing is to be done; ``fetched``: its file is there, and its content is
            put in its place; ``wrong size``: the file that is there is another one; ``to fetch``;
            ``by hand``: a person has to put it at ``path``.
        copy: Path that the file is copied to; ``None`` if it is not copied.
        why: What is wrong with the file, and what to do; '' if nothing is.
    """

    item: Item
    path: Path | None
    state: str
    copy: Path | None = None
    why: str = ''

    @property
    def bytes_left(self) -> int:
        """Bytes to be fetched, as far as that is known."""
        if self.state not in (TO_FETCH, WRONG):
            return 0
        there = Wanted(self.path, self.item.urls).bytes_there if self.path else 0
        return max((self.item.size or 0) - there, 0)

    @property
    def bytes_to_unpack(self) -> int:
        """Bytes that an archive takes when unpacked, at least; archives of images hardly shrink."""
        is_left = self.state in (TO_FETCH, FETCHED, WRONG) and self.item.unpack is not None
        return (self.item.size or 0) if is_left else 0


def needs_of(catalogue: Catalogue, downloads: Path, mirror: str = '') -> list[Need]:
    """Return what a catalogue needs, in its order.

    Args:
        catalogue: The catalogue.
        downloads: Folder of downloads.
        mirror: Address of a folder that has all files; '' to fetch each from its own addresses.
    """
    return [_need(item, downloads, mirror) for item in catalogue.items]


def _need(item: Item, downloads: Path, mirror: str) -> Need:
    if item.hub:
        return Need(item, None, THERE if has_hub_model(item.hub) else TO_FETCH)
    if item.weights:
        path, item = file_of_weights(item)
        is_done = path.is_file()
    else:
        path = downloads / item.file
        is_done = all(Path(p.replace(DOWNLOADS, str(downloads))).exists() for p in item.there)
        is_done &= not (item.unpack and is_half_unpacked(Path(item.unpack.to)))
    if mirror:
        item = replace(item, urls=item.at_mirror(mirror))
    state = THERE if is_done else FETCHED if path.is_file() else TO_FETCH
    if state == TO_FETCH and item.by_hand:
        state = BY_HAND
    why = explain_size(path, item.bytes) if state == FETCHED else ''
    state = WRONG if why else state
    copy = Path(item.copy.replace(DOWNLOADS, str(downloads))) if item.copy else None
    return Need(item, path, state, copy, why)


def check_disks(needs: Sequence[Need], work_dir: Path | None = None, run_bytes: int = 0) -> None:
    """Refuse to start what the disks have no room for, as far as sizes are known.

    Args:
        needs: What is downloaded and unpacked.
        work_dir: Where the run writes.
        run_bytes: How much it writes.

    Raises:
        DownloadError: If one is too small.
    """
    needed: dict[int, int] = defaultdict(int)
    places: dict[int, Path] = {}
    written: list[tuple[Path | None, int]] = [(work_dir, run_bytes)]
    for need in needs:
        to = Path(need.item.unpack.to) if need.item.unpack else None
        written += [(need.path, need.bytes_left), (to, need.bytes_to_unpack)]
    for path, size in written:
        if path is not None and size:
            place = next(p for p in path.absolute().parents if p.exists())
            disk = os.stat(place).st_dev
            needed[disk] += size
            places.setdefault(disk, place)
    for disk, size in needed.items():
        free = shutil.disk_usage(places[disk]).free
        if size > free:
            raise DownloadError(
                f'downloads, what is unpacked from them and the run take {size / 1e9:.1f} GB, but '
                f'the disk of {places[disk]} has {free / 1e9:.1f} GB free; make room, choose '
                'another --downloads or --work-dir, or make data a link to another disk.'
            )


def obtain(need: Need) -> None:
    """Fetch an item unless its file is there, check it, and put its content in its place.

    Raises:
        DownloadError: If it cannot be fetched, or is another file.
        FormatError: If an archive is broken or unsafe.
    """
    item = need.item
    if need.path is None:
        fetch_hub_model(item.hub)
        return
    if need.state == TO_FETCH:
        _fetch(item, need.path)
    check_file(need.path, item.sha256, item.bytes)
    if item.unpack:
        unpack(need.path, item.unpack.folder, Path(item.unpack.to))
        _check_there(item, need.path)
    elif need.copy:
        with atomic_path(need.copy) as temporary:
            shutil.copyfile(need.path, temporary)


def _fetch(item: Item, path: Path) -> None:
    """Fetch a file, with a bar."""
    wanted = Wanted(path, item.urls, item.bytes, bool(item.sha256))
    with new_progress(of_bytes=True) as progress:
        task = progress.add_task(item.name, total=item.size)

        def on_bytes(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total or item.size)

        fetch(wanted, lambda part: check_part(part, path, item.sha256), on_bytes)


def _check_there(item: Item, archive: Path) -> None:
    """Refuse an archive that has not what the catalogue promises."""
    if missing := [p for p in item.there if not Path(p).exists()]:
        raise DownloadError(
            f'{archive} was unpacked, but {missing[0]} is missing: it is another archive. Delete '
            'it, and give the command again.'
        )


def obtain_all(needs: Sequence[Need], say: Callable[[str], None]) -> None:
    """Obtain what is not there; an item that fails does not end the others.

    Args:
        needs: The items; those that a person has to fetch are left out.
        say: Takes a line about each one that is begun, and about optional ones that have failed.

    Raises:
        DownloadError: At the end, if others have failed, with all reasons.
    """
    problems = []
    for need in needs:
        if need.state not in (TO_FETCH, FETCHED, WRONG):
            continue
        say(f'{need.item.name}: {"fetching" if need.state == TO_FETCH else "checking"}')
        try:
            obtain(need)
        except (DownloadError, FormatError) as error:
            if need.item.optional:
                say(f'{error} The plan runs without it.')
            else:
                problems.append(str(error))
    if problems:
        raise DownloadError('\n'.join(problems))
