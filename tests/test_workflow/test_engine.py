import logging
import os

import pytest

from qaclims_mm.schemas import write_claim, write_json
from qaclims_mm.schemas.numbers.runs import Run, note_path, read_runs
from qaclims_mm.schemas.stage_folder import Origin, StageFolder
from qaclims_mm.workflow.engine import Teller, last_lines, news_of

BENCHMARK = 's\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\n{}\t0:00:07\t300\t900\t200\t{}\n'


@pytest.fixture
def teller(tmp_path):
    job = dict(
        root=str(tmp_path),
        done=False,
        link='',
        stage=dict(name='maps', about='its maps', minutes=None),
    )
    return Teller({'seed1/maps': job, 'seed1/old': job | dict(done=True)})


def tell(teller, event='', text='', **values):
    record = logging.LogRecord('snakemake', logging.ERROR, '', 0, text, (), None)
    if event:
        record.event = event
    for key, value in values.items():
        setattr(record, key, value)
    teller.emit(record)


def begin(teller):
    tell(teller, 'job_info', jobid=3, wildcards=dict(seed=1, stage='maps'))


def end(teller, root, note, memory='250'):
    write_json(note_path(root, 'maps'), note)
    (root / 'logs/maps.tsv').write_text(BENCHMARK.format(7.4, memory))
    tell(teller, 'job_finished', job_id=3)


def test_what_is_told_and_noted(teller, tmp_path, capsys):
    begin(teller)
    note = dict(status=0, resumed=True, megabytes=3.5, gigabytes=0.0)
    end(teller, tmp_path, note)
    said = capsys.readouterr().out.splitlines()
    assert said == ['seed1/maps  its maps', '1/1 seed1/maps  done in 7 s, 0.3 GB at its peak']
    assert read_runs(tmp_path) == {'maps': Run(7, 0.26, 3.5, 0, True)}


def test_memory_of_ranks_elsewhere(teller, tmp_path):
    begin(teller)
    end(teller, tmp_path, dict(status=0, resumed=False, megabytes=3.5, gigabytes=4.0), '-')
    assert read_runs(tmp_path)['maps'].gigabytes == 4.0


def test_a_stage_that_was_as_it_was(teller, tmp_path, capsys):
    note = note_path(tmp_path, 'maps')
    write_json(note, dict(status=0, resumed=False, megabytes=3.5, gigabytes=0.0))
    os.utime(note, (1, 1))
    begin(teller)
    tell(teller, 'job_finished', job_id=3)
    assert '1/1 seed1/maps  as it was' in capsys.readouterr().out
    assert read_runs(tmp_path) == {}


def test_a_done_stage_that_snakemake_begins_again_is_not_counted(teller, tmp_path, capsys):
    tell(teller, 'job_info', jobid=4, wildcards=dict(seed=1, stage='old'))
    tell(teller, 'job_finished', job_id=4)
    assert '\nseed1/old  as it was\n' in capsys.readouterr().out
    begin(teller)
    end(teller, tmp_path, dict(status=0, resumed=False, megabytes=3.5, gigabytes=0.0))
    assert '1/1 seed1/maps  done' in capsys.readouterr().out


def test_records_that_were_left_out(teller, tmp_path, capsys):
    folder = StageFolder(tmp_path / 'maps')
    write_claim(folder.path, Origin('maps', 'c').claim({}))
    outputs = folder.finish(3)
    write_json(folder.path / 'outputs.json', vars(outputs) | dict(failed=[['a', 'x'], ['b', 'x']]))
    begin(teller)
    end(teller, tmp_path, dict(status=3, resumed=False, megabytes=3.5, gigabytes=0.0))
    assert f'left out: a and 1 more; see {tmp_path}/logs/maps.log' in capsys.readouterr().out


def test_a_failure_shows_the_end_of_its_log(teller, tmp_path, capsys):
    log = tmp_path / 'logs/maps.log'
    log.parent.mkdir()
    begin(teller)
    log.write_text('\x1b[31mfirst\x1b[0m\n\n' + '\n'.join(map(str, range(40))) + '\nerror: [/b]\n')
    tell(teller, 'job_error', jobid=3)
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ['error: [/b]', f'seed1/maps failed; its whole log is {log}']
    assert last_lines(log, 99)[0] == 'first'
    assert len(last_lines(log, 0)) == 42


def test_an_error_that_is_no_message_shows_the_end_of_its_log(teller, tmp_path, capsys):
    log = tmp_path / 'logs/maps.log'
    log.parent.mkdir()
    begin(teller)
    lines = [*map(str, range(40)), 'Traceback (most recent call last):', 'KeyError: 3']
    log.write_text('\n'.join(lines))
    tell(teller, 'job_error', jobid=3)
    assert capsys.readouterr().out.splitlines()[1:-1] == lines[-15:]


def test_a_failure_before_its_log(teller, tmp_path, capsys):
    """An older log says nothing about it."""
    log = tmp_path / 'logs/maps.log'
    log.parent.mkdir()
    log.write_text('all was well\n')
    os.utime(log, (1, 1))
    begin(teller)
    tell(teller, 'job_error', jobid=3)
    assert 'all was well' not in capsys.readouterr().out


def test_errors_of_snakemake(teller, capsys):
    tell(teller, 'error', 'WorkflowError:\nAt least one job did not complete successfully.')
    tell(teller, 'error', 'RuleException:\nCalledProcessError in file x')
    text = 'Exiting because a job execution failed. Look above for error messages'
    tell(teller, text=text)
    tell(teller, text='no such executor')
    assert capsys.readouterr().out == 'no such executor\n'


def test_rules_without_a_stage_are_not_told(teller, capsys):
    tell(teller, 'job_info', jobid=9, wildcards={})
    tell(teller, 'job_finished', job_id=9)
    tell(teller, 'job_error', jobid=9)
    assert capsys.readouterr().out == ''


STEP = '11/30 09:04:05 - mmengine - INFO - Epoch(train) [1][50/93]  lr: 1.8e-03  loss: 146.47'


@pytest.mark.parametrize(
    ('lines', 'news'),
    [
        ([], ''),
        (['  -------  ', ''], ''),
        (['labels 3/40'], 'labels 3/40'),
        # a table of hooks follows
        ([STEP, 'after_run:', *['(LOW) LoggerHook', ' ----- '] * 20], STEP.partition('INFO - ')[2]),
        ([STEP.replace('INFO', 'WARNING')], STEP.partition('INFO - ')[2]),
        ([STEP + '  x: 1' * 30], STEP.partition('INFO - ')[2] + '  x: 1' * 18),
        (['word ' * 50], ('word ' * 32)[:-1]),
        (['w' * 300], 'w' * 160),
    ],
)
def test_news_of_a_log(tmp_path, lines, news):
    log = tmp_path / 'a.log'
    assert news_of(log) == ''
    log.write_text('\n'.join(lines))
    assert news_of(log) == news


def test_long_stages_say_how_far_they_are(teller, tmp_path, capsys, monkeypatch):
    class EnoughError(Exception):
        pass

    log, waits = tmp_path / 'logs/maps.log', iter([None] * 4 + [EnoughError])
    lines = iter(['', '', 'Epoch [2/3]\n', ''])

    def wait(seconds):
        found = next(waits)
        if found:
            raise found
        with log.open('a') as file:
            file.write(next(lines))

    monkeypatch.setattr('qaclims_mm.workflow.engine.time.sleep', wait)
    begin(teller)
    (tmp_path / 'logs').mkdir()
    log.write_text('Epoch [1/3]\n')
    capsys.readouterr()
    with pytest.raises(EnoughError):
        teller.watch()
    # what was said already is not news
    told = ['0 min: Epoch [1/3]', '0 min', '0 min: Epoch [2/3]', '0 min']
    assert capsys.readouterr().out.splitlines() == [f'seed1/maps  {text}' for text in told]


def estimated(root, **minutes):
    """Return what tells of stages with estimates; the numbers of their jobs are those of a list."""
    jobs = {
        name: dict(
            root=str(root), done=False, link='', stage=dict(name=name, about='', minutes=number)
        )
        for name, number in minutes.items()
    }
    return Teller(jobs)


def run(teller, root, capsys, name, seconds, resumed=False, beside=None):
    """Let a stage begin and end, and return what is said of its end."""
    tell(teller, 'job_info', jobid=1, wildcards=dict(stage=name))
    if beside:
        tell(teller, 'job_info', jobid=2, wildcards=dict(stage=beside))
    note = dict(status=0, resumed=resumed, megabytes=3.5, gigabytes=0.0)
    write_json(note_path(root, name), note)
    (root / f'logs/{name}.tsv').write_text(BENCHMARK.format(seconds, '250'))
    capsys.readouterr()
    tell(teller, 'job_finished', job_id=1)
    return capsys.readouterr().out


def test_the_time_left_follows_the_stages_that_have_run(tmp_path, capsys):
    teller = estimated(tmp_path, texts=0.1, cam=4.0, irn=2.0, segment=10.0, report=None)
    assert ' left' not in run(teller, tmp_path, capsys, 'texts', 60)
    # twice as long as estimated; the estimates themselves count as well
    assert run(teller, tmp_path, capsys, 'cam', 480).endswith('; 12 to 24 minutes left\n')
    assert run(teller, tmp_path, capsys, 'irn', 360).endswith('; 20 to 30 minutes left\n')
    assert ' left' not in run(teller, tmp_path, capsys, 'segment', 600)


@pytest.mark.parametrize('how', [dict(resumed=True), dict(beside='segment')])
def test_times_that_say_little_of_the_time_left(tmp_path, capsys, how):
    teller = estimated(tmp_path, cam=4.0, irn=2.0, segment=10.0)
    assert ' left' not in run(teller, tmp_path, capsys, 'cam', 480, **how)
