import hashlib

import pytest

from qaclims_mm.downloads.caches import (
    address_of,
    advice_without_hub,
    fetch_hub_model,
    file_of_weights,
    has_hub_model,
)
from qaclims_mm.downloads.catalogue import Item
from qaclims_mm.errors import ConfigError, DownloadError

hub = pytest.importorskip('huggingface_hub')


def of(weights):
    return Item('x', 'MIT', 'https://example.com', weights=weights, bytes=3)


@pytest.mark.parametrize(
    ('name', 'file', 'sha256'),
    [
        ('torchvision://resnet50', 'resnet50-0676ba61.pth', '0676ba61'),
        (
            'open-mmlab://detectron2/resnet101_caffe',
            'resnet101_msra-6cc46731.pth',
            '6cc46731',
        ),
    ],
)
def test_weights_go_where_mmengine_looks_for_them(name, file, sha256, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    path, item = file_of_weights(of(name))
    assert path == tmp_path / 'hub/checkpoints' / file
    assert item.urls == (address_of(name),)
    assert item.urls[0].startswith('https://')
    assert (item.file, item.sha256, item.weights, item.bytes) == (file, sha256, '', 3)


def test_an_address_without_a_checksum_in_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    url = 'https://example.com/a/model.pth'
    path, item = file_of_weights(of(url))
    place = hashlib.sha256(url.encode()).hexdigest()[:16]
    assert path == tmp_path / 'hub/checkpoints' / place / 'model.pth'
    assert (item.file, item.sha256) == ('model.pth', '')


def test_unknown_weights():
    with pytest.raises(ConfigError, match='mmengine knows no weights torchvision://resnet51'):
        file_of_weights(of('torchvision://resnet51'))


@pytest.mark.parametrize(
    ('files', 'there'),
    [
        (['config.json', 'model.safetensors'], True),
        (['config.json'], False),
        (['model.safetensors'], False),
    ],
)
def test_a_model_of_the_hub_is_there_if_its_weights_are(tmp_path, monkeypatch, files, there):
    for name in files:
        (tmp_path / name).touch()
    asked = []

    def snapshot(name, **options):
        asked.append((name, options['local_files_only']))
        return str(tmp_path)

    monkeypatch.setattr(hub, 'snapshot_download', snapshot)
    assert has_hub_model('a/b') is there
    assert asked == [('a/b', True)]


def test_a_model_that_was_never_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.constants, 'HF_HUB_CACHE', str(tmp_path))
    assert not has_hub_model('nobody/nothing')


def test_a_folder_of_that_name_is_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a/b').mkdir(parents=True)
    assert has_hub_model('a/b')


def test_the_hub_is_asked_for_safetensors_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(hub, 'snapshot_download', lambda name, **o: asked.append((name, o)))
    fetch_hub_model('a/b')
    [(name, options)] = asked
    assert name == 'a/b'
    assert {'*.bin', '*.h5'} <= set(options['ignore_patterns'])


def test_what_the_hub_says_is_one_line(monkeypatch):
    def fail(name, **options):
        raise ValueError('offline mode is enabled\nmore words')

    monkeypatch.setattr(hub, 'snapshot_download', fail)
    with pytest.raises(DownloadError, match=r'hub \(offline mode is enabled\)\. ') as caught:
        fetch_hub_model('a/b')
    for part in ('HF_ENDPOINT', '--mirror', '"hf download a/b"', 'model.vqa.model'):
        assert part in str(caught.value)


def test_without_the_hub_the_key_of_the_config_is_named():
    advice = advice_without_hub('a/b', 'model.part.model')
    assert '"hf download a/b"' in advice
    assert 'model.part.model' in advice
    assert 'model.vqa' not in advice
