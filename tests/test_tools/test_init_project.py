import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from tool_runs import ROOT, run_tool

from qaclims_mm.apis.project import presets
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.schemas import read_cams, read_mask


@pytest.fixture
def data(tmp_path):
    """Twelve drawn pictures in a folder with an odd name, of kinds that people have, and a CSV."""
    folder, lines = tmp_path / 'été 1', ['image;labels']
    folder.mkdir()
    for number, (scene, picture) in enumerate(draw_pictures(0, 12)):
        image, name = Image.fromarray(picture.image), f'{number}.jpg'
        options = {}
        if number == 1:
            name, image = 'grey.png', image.convert('L')
        elif number == 2:
            name, image = 'cut out.png', image.convert('RGBA')
        elif number == 3:
            name, image = 'print.tif', image.convert('CMYK')
        elif number == 4:
            image, options['exif'] = image.resize((900, 500)), Image.Exif()
            options['exif'][0x0112] = 6
        image.save(folder / name, **options)
        lines.append(f'{name};{",".join(sorted({t.class_name for t in scene.objects}))}')
    lines += ['gone.jpg;cat', '0.jpg;cat;dog;cow']
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def init(data, capsys, *flags):
    given = ('--images', data / 'été 1', '--labels', data / 'labels.csv', '--preset', 'mini')
    return run_tool('init_project', data / 'project', *given, *flags, capsys=capsys)


def test_problems_have_their_lines_and_the_project_is_made(data, capsys):
    ended = init(data, capsys)
    assert ended.status == 0
    assert f'{data}/labels.csv:14: image {data}/été 1/gone.jpg is missing; left out' in ended.text
    assert f'{data}/labels.csv:15: 4 fields where the first line has 2' in ended.text
    assert '12 images of' in ended.text
    assert f'now run: python tools/run_pipeline.py {data}/project/pipeline.py' in ended.text


def test_strict_stops_at_problems(data, capsys):
    ended = init(data, capsys, '--strict')
    assert ended.status == 1
    assert 'gone.jpg is missing' in ended.text
    assert 'no project was made (--strict)' in ended.text
    assert not (data / 'project').exists()


def test_from_a_folder_to_masks_and_a_model(data, capsys, monkeypatch):
    few = dict.fromkeys(('cam', 'qa_clims', 'irn', 'segment'), 2)
    monkeypatch.setitem(presets.PRESETS['mini'].steps, 'cam', 2)
    for name in few:
        monkeypatch.setitem(presets.PRESETS['mini'].steps, name, 2)
    assert init(data, capsys).status == 0
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/run_pipeline.py', data / 'project/pipeline.py'],
        cwd=ROOT,
        env=os.environ | dict(HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1', COLUMNS='200'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    work = data / 'project/work'
    assert re.search(rf'report:\s+{work}/report.html', done.stdout)
    ids = ['0', 'grey', 'cut out', 'print', '4', *map(str, range(5, 12))]
    for image_id in ids:
        read_cams(work / f'qa_clims/cams/{image_id}.npz')
        for folder in ('irn/pseudo_masks', 'segment/predictions'):
            mask = read_mask(work / folder / f'{image_id}.png')
            # turned as EXIF says, and as large as the file
            assert mask.shape == ((900, 500) if image_id == '4' else (112, 112))
    assert list((work / 'segment').glob('epoch_*.pth'))
