"""Commands in the documentation name tools, configs and flags that exist."""

import io
import re
import runpy
import shlex
import sys
from contextlib import redirect_stdout
from functools import cache

import pytest
from tiny_runs import ROOT

from qaclims_mm.apis.ablation_results import read_results
from qaclims_mm.apis.results_page import table_of

PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def commands():
    """Yield page and words of every tool's command line, with the block's variables put in."""
    for page in PAGES:
        for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.DOTALL):
            variables: dict[str, str] = {}
            for line in block.splitlines():
                filled = re.sub(r'\$(\w+)', lambda m, known=variables: known.get(m[1], m[0]), line)
                for name, value in re.findall(r'(?:^|; )(\w+)=(\S+?)(?=;|$)', filled):
                    variables[name] = re.sub(
                        r'\$(\w+)', lambda m, known=variables: known.get(m[1], m[0]), value
                    )
                if 'tools/' in filled:
                    yield page.name, shlex.split(filled, comments=True)


COMMANDS = list(commands())


@cache
def help_of(tool, *words):
    shown = io.StringIO()
    before = sys.argv
    sys.argv = [tool, *words, '--help']
    try:
        with redirect_stdout(shown), pytest.raises(SystemExit):
            runpy.run_path(str(ROOT / tool), run_name='__main__')
    finally:
        sys.argv = before
    return shown.getvalue()


def test_there_are_commands():
    assert len(COMMANDS) >= 40


@pytest.mark.parametrize(('page', 'words'), COMMANDS, ids=[' '.join(c[1]) for c in COMMANDS])
def test_command(page, words):
    [tool] = [w for w in words if w.startswith('tools/')]
    assert (ROOT / tool).is_file()
    for word in words:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), word
        assert '$' not in word, word
    if tool.endswith('.py'):
        arguments = words[words.index(tool) + 1 :]
        # a converter's flags are those of its kind
        kind = arguments[:1] if tool.endswith('convert_official.py') else []
        shown = help_of(tool, *kind)
        for flag in (a for a in arguments if a.startswith('--')):
            assert flag in shown, f'{tool} has no {flag}'


def test_links_of_the_pages_exist():
    for page in PAGES:
        for target in re.findall(r'\]\(([^)#:]+)\)', page.read_text()):
            assert (page.parent / target).exists(), f'{page.name}: {target}'


RESULTS = ROOT / 'docs/results.md'
TABLES = re.findall(
    r'<!-- ablation: (\w+) -->\n(.*?)\n<!-- end -->', RESULTS.read_text(), re.DOTALL
)


def test_there_are_results():
    assert len(TABLES) >= 6


@pytest.mark.parametrize(('suite', 'table'), TABLES, ids=[t[0] for t in TABLES])
def test_results_are_what_was_measured(suite, table):
    measured = read_results(RESULTS.with_suffix('') / f'{suite}.json')
    assert table == table_of(measured)
    assert measured.suite == suite
    for picture in re.findall(r'!\[[^]]*\]\(([^)]+)\)', RESULTS.read_text()):
        assert (RESULTS.parent / picture).is_file()
