"""Catalogues: JSON files that name what a reproduction downloads, converts and runs.

The format is described in docs/file-formats.md.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.paths import config_path
from qaclims_mm.schemas import read_json
from qaclims_mm.schemas.files import is_table, shown_json

FOLDER = 'downloads'
# what stands for the folder of downloads in words of commands and in paths
DOWNLOADS = '{downloads}'
# sub-commands that a catalogue may run: those that change files of others into ours
ALLOWED = ('convert', 'prepare-coco')
_SHA256 = re.compile(r'[0-9a-f]{6,64}')


@dataclass(frozen=True)
class Unpack:
    """What becomes of an archive.

    Attributes:
        folder: Folder of the archive that is taken; '' for all of it.
        to: Folder that it becomes.
    """

    folder: str
    to: str


@dataclass(frozen=True)
class Item:
    """Something that a reproduction needs of others.

    Attributes:
        about: What it is, in a few words.
        licence: Its licence, in a few words.
        page: Where a person finds it and its licence.
        file: Its name in the folder of downloads; '' for ``weights`` and ``hub``.
        urls: Where a program fetches it, the first that answers; none: a person has to.
        bytes: Its size, if it is known exactly.
        megabytes: Its size, if it is known roughly; for plans and free space.
        sha256: Its checksum, or how it begins, if that is known.
        there: If all of these paths exist, the item is neither fetched nor unpacked.
        unpack: Which folder of an archive becomes which folder.
        copy: Path that it is copied to.
        weights: Name in configs that mmengine resolves, such as ``torchvision://resnet50``; the
            file goes where mmengine looks for it.
        hub: Model of the Hugging Face hub, which goes into its cache.
        presets: Presets that need it; none: all.
        optional: Whether the plan runs without it.
    """

    about: str
    licence: str
    page: str
    file: str = ''
    urls: tuple[str, ...] = ()
    bytes: int | None = None
    megabytes: int | None = None
    sha256: str = ''
    there: tuple[str, ...] = ()
    unpack: Unpack | None = None
    copy: str = ''
    weights: str = ''
    hub: str = ''
    presets: tuple[str, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """Name in tables and messages."""
        return self.file or self.weights or self.hub

    @property
    def size(self) -> int | None:
        """Its size in bytes, perhaps roughly; ``None`` if it is unknown."""
        return self.bytes or (self.megabytes and self.megabytes * 10**6)

    @property
    def by_hand(self) -> bool:
        """Whether a person has to fetch it."""
        return bool(self.file) and not self.urls

    def at_mirror(self, mirror: str) -> tuple[str, ...]:
        """Return the addresses of the file at a mirror, which has all files in one folder."""
        return (f'{mirror.rstrip("/")}/{quote(self.file)}',)


@dataclass(frozen=True)
class Command:
    """A sub-command that makes files of ours from downloaded ones.

    Attributes:
        about: What it does, in a few words.
        words: Sub-command and arguments; ``{downloads}`` stands for the folder of downloads.
        makes: If all of these paths exist, it is not run.
        presets: Presets that need it; none: all.
    """

    about: str
    words: tuple[str, ...]
    makes: tuple[str, ...]
    presets: tuple[str, ...] = ()

    def filled(self, downloads: Path) -> list[str]:
        """Return the words with the folder of downloads in its place."""
        return [word.replace(DOWNLOADS, str(downloads)) for word in self.words]


@dataclass(frozen=True)
class Catalogue:
    """What one preset of a reproduction needs.

    Attributes:
        title: What is reproduced.
        plan: Plan of the preset, a file or the name of one that ships.
        items: What is downloaded, in this order.
        commands: What is run then, in this order.
        note: What the plan leaves out, for the end of a run.
    """

    title: str
    plan: str
    items: tuple[Item, ...]
    commands: tuple[Command, ...]
    note: str = ''


def catalogue_file(name: str) -> Path:
    """Return the file of a catalogue: a path that ends in .json, or the name of one that ships.

    Raises:
        ConfigError: If there is no such file.
    """
    path = Path(name) if name.endswith('.json') else Path(config_path(f'{FOLDER}/{name}.json'))
    if path.is_file():
        return path
    known = sorted(p.stem for p in Path(config_path(FOLDER)).glob('*.json'))
    close = difflib.get_close_matches(Path(name).stem, known, n=1)
    hint = f'did you mean {close[0]}?' if close else f'there are {", ".join(known)}.'
    raise ConfigError(f'there is no catalogue {name}; {hint}')


def check_mirror(url: str) -> None:
    """Refuse an address of a mirror that is none; '' is no mirror.

    Raises:
        ConfigError: If it is not of http or https.
    """
    if url and urlsplit(url).scheme not in ('http', 'https'):
        raise ConfigError(
            f'--mirror must begin with http:// or https://, but got {url}; for files of a folder '
            'give the folder as --downloads.'
        )


def read_catalogue(path: str | Path, preset: str) -> Catalogue:
    """Read what a preset needs.

    Raises:
        FormatError: If the file is broken; the message names the entry.
        ConfigError: If it has no such preset.
    """
    value = read_json(path, 'correct it')
    known = dict(title=str, presets=dict, items=list, commands=list, note=str)
    _check_fields(value, known, ('title', 'presets', 'items'), str(path))
    presets = value['presets']
    if not presets or not is_table(presets, str):
        raise FormatError(f'{path}: presets must be {{preset: plan}}; correct it.')
    if preset not in presets:
        raise ConfigError(f'{path} has no preset {preset}; it has {", ".join(presets)}.')
    entries = {kind: value.get(kind, []) for kind in ('items', 'commands')}
    items = [_item(e, f'{path}: item {i}') for i, e in enumerate(entries['items'], 1)]
    commands = [_command(e, f'{path}: command {i}') for i, e in enumerate(entries['commands'], 1)]
    both: list[Item | Command] = [*items, *commands]
    for entry in both:
        _check_paths(entry, str(path))
        if other := set(entry.presets) - set(presets):
            raise FormatError(f'{path}: {entry.about} is of no preset {min(other)}; correct it.')
    return Catalogue(
        value['title'],
        presets[preset],
        tuple(i for i in items if preset in (i.presets or presets)),
        tuple(c for c in commands if preset in (c.presets or presets)),
        value.get('note', ''),
    )


def _check_paths(entry: Item | Command, where: str) -> None:
    """Refuse a catalogue that would write or read outside the current folder."""
    if isinstance(entry, Command):
        paths = [*entry.words, *entry.makes]
    else:
        paths = [*entry.there, entry.copy, entry.unpack.to if entry.unpack else '']
    for path in paths:
        if Path(path).is_absolute() or '..' in Path(path).parts:
            raise FormatError(
                f'{where}: {entry.about}: {path} leads out of the current folder; correct it.'
            )


_TEXTS = ('urls', 'there', 'presets', 'words', 'makes')
_KINDS: Mapping[str, type] = dict.fromkeys(_TEXTS, list) | {
    'bytes': int,
    'megabytes': int,
    'unpack': dict,
    'optional': bool,
}


def _check_fields(
    value: Any, known: Mapping[str, type], needed: tuple[str, ...], where: str
) -> None:
    if not isinstance(value, dict):
        raise FormatError(f'{where} must be an object, but is {shown_json(value)}; correct it.')
    if missing := [name for name in needed if name not in value]:
        raise FormatError(f'{where} has no {missing[0]}; add it.')
    for name, found in value.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1) or list(known)
            raise FormatError(f'{where} has {name!r}, no field; the nearest is {close[0]}.')
        if type(found) is not known[name]:
            raise FormatError(
                f'{where}: {name} must be of type {known[name].__name__}, but is '
                f'{shown_json(found)}; correct it.'
            )
        if name in _TEXTS and not all(isinstance(v, str) and v for v in value[name]):
            raise FormatError(f'{where}: {name} must be a list of texts; correct it.')


def _read(kind: Any, value: Any, needed: tuple[str, ...], where: str) -> Any:
    known = {f.name: _KINDS.get(f.name, str) for f in fields(kind)}
    _check_fields(value, known, needed, where)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})


def _item(value: Any, where: str) -> Item:
    item: Item = _read(Item, value, ('about', 'licence', 'page'), where)
    if isinstance(item.unpack, dict):
        unpack = _read(Unpack, item.unpack, ('folder', 'to'), f'{where}, unpack')
        item = Item(**{f.name: getattr(item, f.name) for f in fields(Item)} | dict(unpack=unpack))
    if sum(map(bool, (item.file, item.weights, item.hub))) != 1:
        raise FormatError(f'{where} must have one of file, weights and hub; correct it.')
    if item.file and (Path(item.file).name != item.file or item.file.startswith('.')):
        raise FormatError(f'{where}: file {item.file!r} must be a name without a folder.')
    for url in item.urls:
        if urlsplit(url).scheme not in ('http', 'https'):
            raise FormatError(f'{where}: {url} must begin with http:// or https://.')
    if item.sha256 and not _SHA256.fullmatch(item.sha256):
        raise FormatError(f'{where}: sha256 must be 6 to 64 digits of 0-9 and a-f; correct it.')
    if item.file and not item.there:
        raise FormatError(f'{where} has no there, the paths that show that it is done; add them.')
    return item


def _command(value: Any, where: str) -> Command:
    command: Command = _read(Command, value, ('about', 'words', 'makes'), where)
    if not command.words or command.words[0] not in ALLOWED:
        raise FormatError(f'{where}: words must begin with {" or ".join(ALLOWED)}; correct it.')
    if not command.makes:
        raise FormatError(f'{where}: makes is empty; name the files that it makes.')
    return command
