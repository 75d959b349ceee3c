from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import make_stage

from qaclims_mm.demo.networks import find_networks, network_of_config, shipped_networks
from qaclims_mm.demo.overview import NOTHING_TRAINED, overview, overview_html
from qaclims_mm.inference.meaning import OF_MINIWORLD

CPU = torch.device('cpu')


def test_networks_that_ship():
    assert overview(shipped_networks(), CPU) == [
        (
            'activation maps',
            'RITC with ResNet-18, weights qa_clims/r18-mini.safetensors of MiniWorld',
        ),
        ('VQA model', 'BlipVQA, weights blip of MiniWorld'),
        ('refiner', 'PARRefiner'),
        ('device', 'CPU'),
    ]


def test_a_segmentor_of_a_project_without_the_folders_of_the_server(tmp_path):
    make_stage(tmp_path / 'secret/work/segment')
    networks = find_networks(tmp_path / 'secret/work/segment')
    assert overview(replace(networks, preset='mini'), CPU) == [
        ('segmentor', 'DeepLabV2 with CeilResNet-18, weights segment/epoch_3.pth'),
        ('preset', 'mini'),
        ('device', 'CPU'),
    ]


def test_a_network_that_needs_no_training():
    [maps, _] = overview(network_of_config('clip-cam_clip-mini_miniworld-112x112'), CPU)
    assert maps == ('activation maps', f'CLIPCAM, {NOTHING_TRAINED}')


@pytest.mark.parametrize(
    ('weights', 'shown'),
    [
        ('https://host/x/y.pth', 'https://host/x/y.pth'),
        (str(Path('/home/me/run/qa_clims/epoch_5.pth')), 'qa_clims/epoch_5.pth'),
        ('Salesforce/blip-vqa-base', 'Salesforce/blip-vqa-base'),
    ],
)
def test_names_of_weights(weights, shown):
    networks = replace(shipped_networks(), weights_name=weights)
    assert overview(networks, CPU)[0][1].endswith(f', weights {shown}')


def test_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'H200')
    assert overview(shipped_networks(), torch.device('cuda:0'))[-1] == ('device', 'GPU (H200)')


def test_html():
    shown = overview_html([('a<', 'b&')], OF_MINIWORLD)
    assert shown.startswith('<p class="warning" role="note">These networks were made for MiniWorld')
    assert '<dt>a&lt;</dt><dd>b&amp;</dd>' in shown
    assert 'warning' not in overview_html([], '')
