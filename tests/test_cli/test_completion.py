import re
import shutil
import subprocess

import pytest

from qaclims_mm.cli import commands, main
from qaclims_mm.cli.completion import flags_of, script_of


def complete(*words):
    """Return what bash offers for the last of the words."""
    script = script_of('bash') + f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}\n'
    done = subprocess.run(
        ['bash', '-c', script + '_qaclims; printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_bash_completes_sub_commands():
    assert complete('qaclims', 'tra') == ['train', 'train-miniworld']
    assert complete('qaclims', "''") == list(commands())


def test_bash_completes_flags_of_the_sub_command():
    assert complete('qaclims', 'train', 'x.py', '--re') == ['--resume']
    assert complete('qaclims', 'test', '--t') == ['--tta']
    assert complete('qaclims', 'nothing', '--t') == []


def test_elsewhere_bash_falls_back_to_files():
    assert complete('qaclims', 'train', 'conf') == []
    assert 'complete -o default -F _qaclims qaclims' in script_of('bash')


@pytest.mark.parametrize('name', commands())
def test_flags_are_those_of_the_help(name, capsys):
    """Kinds of convert have helps of their own."""
    with pytest.raises(SystemExit) as ended:
        main([name, '--help'])
    assert ended.value.code == 0
    usage = capsys.readouterr().out
    # what stands before the text of an option
    heads = re.findall(r'^ {2}(-\S+(?: \S+)*)', usage, re.MULTILINE)
    shown = {flag for head in heads for flag in re.findall(r'(?<!\S)--[\w-]+', head)}
    shown |= set(re.findall(r'(--local_rank)', usage))
    own = set(flags_of(commands()[name]))
    assert shown <= own
    assert name == 'convert' or own == shown


@pytest.mark.parametrize('shell', ['zsh', 'fish'])
def test_other_shells_get_every_sub_command(shell, capsys):
    with pytest.raises(SystemExit):
        main(['completion', shell])
    script = capsys.readouterr().out
    assert script == script_of(shell)
    for name in commands():
        assert re.search(rf'(^|\s){name}\b', script)
    assert 'resume' in script
    if shutil.which(shell):
        subprocess.run([shell, '-n', '-c', script], check=True)


def test_an_unknown_shell(capsys):
    with pytest.raises(SystemExit):
        main(['completion', 'tcsh'])
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
