import json

import pytest

from qaclims_mm.downloads.catalogue import (
    Command,
    Unpack,
    catalogue_file,
    check_mirror,
    read_catalogue,
)
from qaclims_mm.errors import ConfigError, FormatError

BASE = dict(about='x', licence='MIT', page='https://example.com')
FILE = BASE | dict(file='a.tar', urls=['https://example.com/a.tar'], there=['data/a'])
COMMAND = dict(about='x', words=['convert', 'blip', '{downloads}/a'], makes=['b'])


def write(path, items=(), commands=(), **more):
    value = dict(title='T', presets=dict(p='plan_p', q='plan_q'), items=list(items))
    path.write_text(json.dumps(value | dict(commands=list(commands)) | more))
    return path


def test_each_preset_gets_its_own(tmp_path):
    items = [FILE, FILE | dict(file='b', presets=['q']), BASE | dict(hub='a/b', presets=['p'])]
    commands = [COMMAND, COMMAND | dict(presets=['q'])]
    path = write(tmp_path / 'c.json', items, commands, note='N')
    found = read_catalogue(path, 'q')
    assert (found.title, found.plan, found.note) == ('T', 'plan_q', 'N')
    assert [item.name for item in found.items] == ['a.tar', 'b']
    assert len(found.commands) == 2
    assert [item.name for item in read_catalogue(path, 'p').items] == ['a.tar', 'a/b']


def test_what_an_item_says(tmp_path):
    entry = FILE | dict(unpack=dict(folder='a', to='data/a'), megabytes=3, sha256='0123456789')
    [item] = read_catalogue(write(tmp_path / 'c.json', [entry]), 'p').items
    assert item.unpack == Unpack('a', 'data/a')
    assert (item.size, item.by_hand) == (3_000_000, False)
    assert item.at_mirror('http://m/x/') == ('http://m/x/a.tar',)
    entry = {k: v for k, v in FILE.items() if k != 'urls'} | dict(file='a b#.pth', bytes=7)
    [item] = read_catalogue(write(tmp_path / 'c.json', [entry]), 'p').items
    assert (item.size, item.by_hand) == (7, True)
    assert item.at_mirror('http://m') == ('http://m/a%20b%23.pth',)


def test_the_folder_of_downloads_is_put_into_words(tmp_path):
    command = Command('x', ('convert', '{downloads}/a', '{other}'), ('b',))
    assert command.filled(tmp_path) == ['convert', f'{tmp_path}/a', '{other}']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(about=None), 'item 1: about must be of type str, but is None'),
        (dict(sha256='xyz'), 'sha256 must be 6 to 64 digits'),
        (dict(sha265='00'), "has 'sha265', no field; the nearest is sha256"),
        (dict(urls=['ftp://x/a']), 'ftp://x/a must begin with http:// or https://'),
        (dict(urls=['file:///etc/passwd']), 'must begin with http'),
        (dict(urls='x'), 'urls must be of type list'),
        (dict(urls=[3]), 'urls must be a list of texts'),
        (dict(file='../a'), r"file '\.\./a' must be a name without a folder"),
        (dict(file='.a'), 'must be a name without a folder'),
        (dict(file=''), 'must have one of file, weights and hub'),
        (dict(hub='a/b'), 'must have one of file, weights and hub'),
        (dict(there=[]), 'has no there'),
        (dict(bytes=True), 'bytes must be of type int'),
        (dict(unpack=dict(folder='a')), 'item 1, unpack has no to; add it'),
        (dict(presets=['z']), 'x is of no preset z'),
        (dict(copy='/etc/x'), 'x: /etc/x leads out of the current folder'),
        (dict(copy='{downloads}/../../x'), 'leads out of the current folder'),
        (dict(there=['../x']), 'leads out of the current folder'),
        (dict(unpack=dict(folder='a', to='data/../..')), 'leads out of the current folder'),
    ],
)
def test_a_broken_item_is_told(tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        read_catalogue(write(tmp_path / 'c.json', [FILE | change]), 'p')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(words=['run', 'x.py']), 'words must begin with convert or prepare-coco'),
        (dict(words=[]), 'words must begin with'),
        (dict(makes=[]), 'makes is empty'),
        (dict(words=['convert', 'cam', '/etc/x', 'y']), 'x: /etc/x leads out of the current'),
    ],
)
def test_a_broken_command_is_told(tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        read_catalogue(write(tmp_path / 'c.json', commands=[COMMAND | change]), 'p')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{', 'is not valid JSON'),
        ('[]', 'must be an object, but is a list'),
        ('{"title": "x", "items": []}', 'has no presets'),
        ('{"title": "x", "items": [], "presets": {}}', r'presets must be \{preset: plan\}'),
        ('{"title": "x", "items": [3], "presets": {"p": "x"}}', 'item 1 must be an object'),
    ],
)
def test_a_broken_file_is_told(tmp_path, text, message):
    (tmp_path / 'c.json').write_text(text)
    with pytest.raises(FormatError, match=message):
        read_catalogue(tmp_path / 'c.json', 'p')


def test_an_unknown_preset_and_an_unknown_catalogue(tmp_path):
    with pytest.raises(ConfigError, match='has no preset papr; it has p, q'):
        read_catalogue(write(tmp_path / 'c.json'), 'papr')
    with pytest.raises(ConfigError, match='there is no catalogue voc21; did you mean voc12'):
        catalogue_file('voc21')
    with pytest.raises(ConfigError, match='no catalogue xyzzy; there are coco14, voc12'):
        catalogue_file('xyzzy')
    assert catalogue_file(str(tmp_path / 'c.json')) == tmp_path / 'c.json'


@pytest.mark.parametrize('name', ['voc12', 'coco14'])
@pytest.mark.parametrize('preset', ['paper', 'official'])
def test_catalogues_that_ship(name, preset):
    found = read_catalogue(catalogue_file(name), preset)
    # only what nobody has published has no checksum
    unknown = [i.file for i in found.items if i.file and len(i.sha256) != 64]
    assert unknown == (['model_base_vqa_capfilt_large.pth'] if preset == 'official' else [])
    # what commands read is downloaded
    read = {w for c in found.commands for w in c.words if w.startswith('{downloads}/')}
    there = {f'{{downloads}}/{i.file}' for i in found.items if i.file}
    there |= {i.copy.rpartition('/')[0] for i in found.items if i.copy}
    assert read <= there
    # and what they make is what their files are for
    made = {path for c in found.commands for path in c.makes}
    for item in found.items:
        if item.file and not item.unpack and 'VOC2012' not in item.copy:
            assert set(item.there) <= made


@pytest.mark.parametrize('url', ['m.example.com', 'file:///x', '/mnt/x', 'ftp://x'])
def test_a_mirror_has_an_address(url):
    with pytest.raises(ConfigError, match='must begin with http'):
        check_mirror(url)
    check_mirror('')
    check_mirror('http://x')
