import json

import pytest
from tiny_report import write_config

from qaclims_mm.inference.meaning import OF_MINIWORLD, OF_REHEARSAL
from qaclims_mm.report.header import lead_of, warning_of_work
from qaclims_mm.report.page import write_report
from qaclims_mm.report.reviewing import review_work
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import write_run_config
from qaclims_mm.schemas.project import PROJECT
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes

SHIPPED = dict(model=dict(backbone='miniworld://backbone/r18-mini.safetensors'))


def test_networks_that_are_trained_for_photographs(run):
    assert warning_of_work(WorkDir(run)) == ('', '')
    assert lead_of(WorkDir(run)).endswith('the trainings of seed 7.')


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_a_stage_with_weights_of_miniworld(run, mode):
    write_run_config(run / 'irn', mode, 'config.py', SHIPPED)
    assert warning_of_work(WorkDir(run)) == (OF_MINIWORLD, '')


@pytest.mark.parametrize(('preset', 'text'), [('mini', OF_MINIWORLD), ('rehearsal', OF_REHEARSAL)])
def test_a_project_names_its_preset_and_the_command_that_changes_it(run, tmp_path, preset, text):
    project = tmp_path / 'my photos'
    project.mkdir()
    run.rename(project / 'work')
    (project / PROJECT).write_text('{}')
    options = Options(tmp_path / 'images', preset=preset)
    (project / INIT).write_bytes(init_bytes(project, options, {}))
    write_run_config(project / 'work/cam', 'train', 'config.py', SHIPPED)
    work = WorkDir(project / 'work')
    warning, command = warning_of_work(work)
    assert warning.startswith(text)
    assert command == f"qaclims init '{project}' --preset full"
    assert lead_of(work).endswith(f'of seed 7, with the preset {preset}.')
    write_report(project, tmp_path / 'r.html', tmp_path / 'none')
    page = (tmp_path / 'r.html').read_text()
    banner, lead = page.index('<p class="warning" role="note">'), page.index('From image-level')
    assert banner < lead
    assert f'<th scope="row">preset</th><td>{preset}</td>' in page
    # the pages of masks have the command, too
    assert review_work(work).warning == (warning, command)
    code = '<code>qaclims init &#39;' + f'{project}&#39; --preset full</code></p>'
    sheet = (tmp_path / 'r_files/masks.html').read_text()
    assert code in page
    assert code in sheet
    assert '<h1>QA-CLIMS: my photos</h1>' in page
    assert '<h1>All masks of my photos</h1>' in sheet


def test_a_broken_config_is_no_reason_to_warn(run):
    write_config(run / 'odd', run)
    path = run / 'odd/test_config.json'
    path.write_text(json.dumps(dict(schema=99, values=SHIPPED)))
    assert warning_of_work(WorkDir(run)) == ('', '')
