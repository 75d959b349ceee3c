"""Commands in the documentation name tools, configs and flags that exist."""

import doctest
import importlib
import io
import re
import runpy
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image
from tiny_runs import ROOT

from qaclims_mm.cli import commands as commands_of_the_package
from qaclims_mm.cli import main
from qaclims_mm.engine.config import read_config
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.projects.checks import check_source
from qaclims_mm.projects.writer import Project, write_project
from qaclims_mm.report.mask_sheet import PAGE
from qaclims_mm.report.results_page import table_of
from qaclims_mm.schemas.numbers.ablation_reading import read_results
from qaclims_mm.schemas.project_options import Options
from qaclims_mm.schemas.work_dir import COMPARE, CORRECTED, REVIEW
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.suites import read_suite

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
# data, weights and GPUs, which a clone does not bring
NEEDS_DATA = re.compile(
    'voc12|coco14|VOCdevkit|coco2014|prepare-coco|data/weights|pretrained/|gpu_check|slurm_|cuda'
)
MARK = '<!-- needs data -->\n'
# tools that no test starts, and what stands for them
NOT_STARTED = {
    'quickstart.sh': 'test_kill_and_resume.py runs its pipeline',
    'run_tests.sh': 'it runs the tests',
    'gpu_check.sh': 'it needs a GPU',
    'slurm_train.sh': 'it needs Slurm; test_engine/test_compat.py has its ranks',
    'slurm_test.sh': 'it needs Slurm; test_engine/test_compat.py has its ranks',
}


def commands():
    """Yield page and words of every tool's command line, with the block's variables put in."""
    for page in PAGES:
        for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.DOTALL):
            variables: dict[str, str] = {}
            for line in block.replace('\\\n', ' ').splitlines():
                filled = re.sub(r'\$(\w+)', lambda m, known=variables: known.get(m[1], m[0]), line)
                for name, value in re.findall(r'(?:^|; )(\w+)=(\S+?)(?=;|$)', filled):
                    variables[name] = re.sub(
                        r'\$(\w+)', lambda m, known=variables: known.get(m[1], m[0]), value
                    )
                if re.search(r'(?<![\w/])tools/|\bqaclims |python -m benchmarks', filled):
                    yield page.name, shlex.split(filled, comments=True)


COMMANDS = list(commands())


@cache
def help_of(command, *words):
    shown = io.StringIO()
    before = sys.argv
    try:
        sys.argv = [command, '--help']
        with redirect_stdout(shown), pytest.raises(SystemExit):
            runpy.run_module(command, run_name='__main__') if command == 'benchmarks' else main(
                [command, *words, '-h']
            )
    finally:
        sys.argv = before
    return shown.getvalue()


@cache
def help_of_snakemake():
    return pytest.importorskip('snakemake.cli').get_argument_parser().format_help()


def check_flags_of_snakemake(words):
    """Hold what follows a -- against Snakemake, whose plugin for Slurm has flags of its own."""
    for flag in (w for w in words if w.startswith('--')):
        if not flag.startswith('--slurm') or find_spec('snakemake_executor_plugin_slurm'):
            assert flag in help_of_snakemake(), f'Snakemake has no {flag}'


def test_there_are_commands():
    assert len(COMMANDS) >= 40


@pytest.mark.parametrize(('page', 'words'), COMMANDS, ids=[' '.join(c[1]) for c in COMMANDS])
def test_command(page, words):
    for word in words:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), word
        assert '$' not in word, word
    scripts = [w for w in words if w.startswith('tools/')]
    if scripts:
        assert all((ROOT / script).is_file() for script in scripts)
        return
    start = next(k for k, w in enumerate(words) if w in ('qaclims', 'benchmarks'))
    command, *arguments = words[start + (words[start] == 'qaclims') :]
    # a converter's flags are those of its kind
    shown = help_of(command, *(arguments[:1] if command == 'convert' else []))
    place = arguments.index('--') if '--' in arguments else len(arguments)
    for flag in (a for a in arguments[:place] if a.startswith('--')):
        assert flag in shown, f'{command} has no {flag}'
    check_flags_of_snakemake(arguments[place + 1 :])


def test_the_command_line_page_lists_every_sub_command():
    page = (ROOT / 'docs/command-line.md').read_text()
    section = page.partition('## Sub-commands\n')[2].partition('\n## ')[0]
    listed = re.findall(r'^\| `([a-z][a-z-]*)` \|', section, re.MULTILINE)
    assert listed == sorted(commands_of_the_package())


def test_links_of_the_pages_exist():
    for page in PAGES:
        for target in re.findall(r'\]\(([^)#:]+)\)', page.read_text()):
            assert (page.parent / target).exists(), f'{page.name}: {target}'


@pytest.mark.parametrize('name', ['label-formats', 'export'])
def test_each_format_has_a_picture(name):
    _, *sections = (ROOT / f'docs/{name}.md').read_text(encoding='utf-8').split('\n## ')
    formats = [section for section in sections if '```bash' in section]
    assert len(formats) >= 7
    for section in formats:
        [path] = re.findall(r'!\[.+\]\(_static/(.+)\)', section)
        file = ROOT / 'docs/_static' / path
        assert 0 < file.stat().st_size < 80_000
        with Image.open(file) as image:
            assert image.width <= 900


RESULTS = ROOT / 'docs/results.md'
TABLES = re.findall(
    r'<!-- ablation: (\w+) -->\n(.*?)\n<!-- end -->', RESULTS.read_text(), re.DOTALL
)


def test_there_are_results():
    assert len(TABLES) >= 6


@pytest.mark.parametrize(('suite', 'table'), TABLES, ids=[t[0] for t in TABLES])
def test_results_are_what_was_measured(suite, table):
    measured = read_results(RESULTS.with_suffix('') / f'{suite}.json')
    # the suite that ships measures the same rows
    assert [*read_suite(ROOT / f'configs/suites/{suite}.py').variants] == [
        row.name for row in measured.rows
    ]
    assert table == table_of(measured)
    assert measured.suite == suite
    for picture in re.findall(r'!\[[^]]*\]\(([^)]+)\)', RESULTS.read_text()):
        assert (RESULTS.parent / picture).is_file()


def test_the_numbers_in_sentences_come_from_the_code_beside_them(tmp_path, monkeypatch, capsys):
    text = RESULTS.read_text(encoding='utf-8')
    blocks = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    [block] = [b for b in blocks if 'def spreads' in b]
    monkeypatch.chdir(ROOT)
    (tmp_path / 'noise.py').write_text(block)
    runpy.run_path(str(tmp_path / 'noise.py'))
    found = capsys.readouterr().out
    flat = ' '.join(text.split())
    intervals = re.findall(r'^(?:cam|qa_clims), warmed: (.+), at most', found, re.MULTILINE)
    for change, interval in (i.split(' ', 1) for i in intervals):
        assert re.search(rf'{re.escape(change)}( points)? {re.escape(interval)}', flat)
    assert len(intervals) == 2
    [differ] = re.findall(r'two trainings of seed 0: (.+)', found)
    assert f'differ by less than {differ} points' in flat
    [shift] = re.findall(
        r'^qa_clims-weights, two threads - one: (.+), at most', found, re.MULTILINE
    )
    assert f'largest shift of QA-CLIMS is {shift}' in flat
    for row, most in re.findall(
        r'^(ritc|clims), two threads - one: .+ at most (.+)', found, re.MULTILINE
    ):
        name = dict(ritc='RITC without QAPE', clims='CLIMS')[row]
        assert f'{float(most):.1f} for {name}' in flat


def test_a_config_beside_no_configs(tmp_path, monkeypatch):
    text = (ROOT / 'docs/install.md').read_text(encoding='utf-8')
    [block] = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    (tmp_path / 'deeper.py').write_text(block)
    monkeypatch.chdir(tmp_path)
    cfg = read_config('deeper.py')
    assert cfg.model.backbone.depth == 34
    assert cfg.work_dir == 'work_dirs/miniworld/deeper'


def test_every_tool_of_the_pages_is_run_by_a_test():
    texts = [p.read_text() for p in (ROOT / 'tests').rglob('*.py') if p != Path(__file__)]
    scripts = {w for _, words in COMMANDS for w in words if w.startswith('tools/')}
    for script in {s.removeprefix('tools/') for s in scripts} - set(NOT_STARTED):
        started = re.compile(rf"ROOT / 'tools/{re.escape(script)}'|'tools/{re.escape(script)}'\)")
        assert any(started.search(text) for text in texts), script
    for command, module in commands_of_the_package().items():
        started = re.compile(
            rf"(?:run_tool|start_tool|run|main)\([^)]*?'{module}(?:\.py)?'|main\(\['{command}'"
        )
        assert any(started.search(text) for text in texts), module


def inline_commands():
    """Yield page and text of each command that stands in a sentence or table."""
    for page in PAGES:
        prose = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
        for text in re.findall(r'`([^`\n]*(?:\btools/\w+\.sh|\bqaclims )[^`\n]*)`', prose):
            yield page.name, text


@pytest.mark.parametrize(('page', 'text'), sorted(set(inline_commands())))
def test_command_in_a_sentence(page, text):
    for script in re.findall(r'tools/\w+\.sh', text):
        assert (ROOT / script).is_file(), page
    for command in re.findall(r'\bqaclims ([a-z][\w-]*)', text):
        assert command in commands_of_the_package(), page
        if command != 'convert':
            own, _, others = text.partition(' -- ')
            for flag in re.findall(r'(?<=\s)--[\w-]+', own):
                assert flag in help_of(command), f'{command} has no {flag}'
            check_flags_of_snakemake(others.split())


def test_the_pages_name_the_folders_of_the_stages():
    gone = (
        r'\b(?:cam|qa_clims)/cams\b|\birn/pseudo_masks|\bsegment/predictions|\bdone/|--pipeline\b'
    )
    for page in PAGES:
        assert not re.findall(gone, page.read_text()), page.name


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """A project as qaclims init makes it."""
    images = tmp_path_factory.mktemp('mine') / 'images'
    (images / 'cat').mkdir(parents=True)
    Image.new('RGB', (60, 40)).save(images / 'cat/0.png')
    checked = check_source(read_source(images, images), images)
    made = Project(images.parent / 'my_project', Options(images), checked)
    return write_project(made, 1e11).plan.parent


def files_of_a_project():
    """Yield page and path of each file that the pages name in a project, below its folder."""
    for page in PAGES:
        text = page.read_text()
        named = re.findall(r'\b(?:my_project|trial)/([\w./*-]*[\w*])', text)
        named += re.findall(r'`([\w./*-]+\.\w+)`\s+of\s+(?:a|the|your)\s+project\b', text)
        if page.stem == 'project':
            table = text.partition('## Files of a project\n')[2]
            named += re.findall(r'^\| `([^`]+)` \|', table, re.MULTILINE)
        # what people put there, and ground truth that is converted
        yield from ((page.name, path) for path in named if path not in ('images', 'masks'))


FILES_OF_A_PROJECT = sorted(set(files_of_a_project()))


def test_there_are_files_of_a_project():
    assert {p for p, _ in FILES_OF_A_PROJECT} > {'masks.md', 'own-data.md', 'troubleshooting.md'}
    assert len(FILES_OF_A_PROJECT) >= 30


@pytest.mark.parametrize(('page', 'path'), FILES_OF_A_PROJECT)
def test_files_of_a_project_have_these_names(page, path, project):
    if not path.startswith('work'):
        assert [*project.glob(path)], f'{page} names {path}'
        return
    by_commands = {REVIEW, COMPARE, CORRECTED, 'export', 'report.html'}
    known = by_commands | {s.name for s in read_plan(project / 'pipeline.py').all_stages}
    names = path.split('/')[1:]
    assert set(names[:1]) <= known | {'report_files'}, f'{page} names {path}'
    assert names[:1] != ['report_files'] or names[1:] == [PAGE], f'{page} names {path}'


def test_messages_that_are_quoted_are_raised():
    page = (ROOT / 'docs/troubleshooting.md').read_text()
    source = '\n'.join(path.read_text() for path in (ROOT / 'qaclims_mm').rglob('*.py'))
    quoted = re.findall(r'^\*\*`([^`]+)`', page, re.MULTILINE)
    ours = [q for q in quoted if not q.startswith('MMCV==')]
    assert len(ours) >= 4
    for message in ours:
        for part in filter(None, (p.strip() for p in message.split('...'))):
            # a message may be cut into several strings at its line ends
            assert part in source or all(
                piece in source for piece in re.split(r'(?<=\.) ', part)
            ), message


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_what_needs_data_is_marked(page):
    for mark, block in re.findall(rf'({MARK})?```bash\n(.*?)```', page.read_text(), re.DOTALL):
        assert bool(mark) == bool(NEEDS_DATA.search(block)), block


EXAMPLES = [
    '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    for path in sorted((ROOT / 'qaclims_mm').rglob('*.py'))
    if '>>>' in path.read_text()
]


def test_there_are_examples():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize('module', EXAMPLES)
def test_examples_of_docstrings(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    tested = doctest.testmod(importlib.import_module(module))
    assert tested.attempted > 0
    assert tested.failed == 0


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip('sphinx', reason='pip install -e ".[docs]"')
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html']
    done = subprocess.run([*command, ROOT / 'docs', tmp_path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for page in PAGES[2:]:
        assert (tmp_path / f'{page.stem}.html').is_file()
    assert 'foreground_adaptive_threshold' in (tmp_path / 'api.html').read_text()
