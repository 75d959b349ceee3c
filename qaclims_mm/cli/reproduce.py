"""Download, convert, check and run a reproduction: qaclims reproduce voc12.

It ends with a table beside the paper's numbers. What is there already is neither downloaded nor
unpacked again, and an interrupted command resumes. Files that a program cannot fetch are named with
their page and the place to put them. Proxies are taken from http_proxy, https_proxy and no_proxy.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qaclims_mm.cli import commands
from qaclims_mm.cli.run import add_options, add_plan_options, parse, run_plan
from qaclims_mm.console import new_console, styled
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.paths import config_file
from qaclims_mm.schemas.names import counted

if TYPE_CHECKING:
    from rich.console import Console

    from qaclims_mm.downloads.catalogue import Catalogue, Command
    from qaclims_mm.downloads.needs import Need


def main() -> int:
    """Do what is not done, print the tables and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('catalogue', help='voc12, coco14, or a catalogue file (.json)')
    parser.add_argument('--preset', default='paper', help='paper (default) or official')
    parser.add_argument(
        '--downloads',
        type=Path,
        default=Path('data/downloads'),
        help='folder of downloaded files; default data/downloads',
    )
    parser.add_argument(
        '--mirror',
        default='',
        metavar='URL',
        help='fetch URL/FILE in place of all addresses of a file, those that need a login too',
    )
    parser.add_argument(
        '--accept-licences', action='store_true', help='do not ask whether they are accepted'
    )
    parser.add_argument(
        '--download-only', action='store_true', help='stop before the run, as on a login node'
    )
    add_plan_options(parser)
    add_options(parser)
    args = parse(parser, sys.argv[1:])
    # these take seconds, and --help does not need them
    from qaclims_mm.downloads.catalogue import catalogue_file, check_mirror, read_catalogue
    from qaclims_mm.downloads.needs import THERE, needs_of
    from qaclims_mm.downloads.overview import address_lines, needs_table

    check_mirror(args.mirror)
    catalogue = read_catalogue(catalogue_file(args.catalogue), args.preset)
    args.plan, console = config_file(catalogue.plan), new_console()
    needs = needs_of(catalogue, args.downloads, args.mirror)
    console.print(f'{catalogue.title}, preset {args.preset}', soft_wrap=True)
    console.print(needs_table(needs))
    # all of them in a dry run, for whoever makes a mirror
    for line in address_lines([n for n in needs if args.dry_run or n.state != THERE]):
        console.print(line, soft_wrap=True)
    if args.dry_run:
        say_more(catalogue, needs, args, console)
        return 0 if args.download_only else run_plan(args)
    if not prepare(catalogue, args, console):
        return 1
    if args.download_only:
        console.print('everything is there; the same command without --download-only runs it')
        return 0
    status = run_plan(args)
    if status in (0, EXIT_BAD_RECORDS):
        console.print(catalogue.note, soft_wrap=True)
    return status


def say_more(
    catalogue: 'Catalogue',
    needs: Sequence['Need'],
    args: argparse.Namespace,
    console: 'Console',
) -> None:
    """Print files that a person fetches, wrong files, and the room that all of it needs."""
    from qaclims_mm.downloads.overview import by_hand_lines, disk_line

    for line in by_hand_lines(needs):
        console.print(line, soft_wrap=True)
    for why in filter(None, (need.why for need in needs)):
        console.print(styled((why, 'red')), soft_wrap=True)
    _, run_bytes, unknown = size_of_run(args)
    converted = any(not is_made(command) for command in catalogue.commands)
    console.print(disk_line(needs, run_bytes, unknown, converted), soft_wrap=True)


def prepare(catalogue: 'Catalogue', args: argparse.Namespace, console: 'Console') -> bool:
    """Fetch and convert what is not there, and check it; returns whether nothing is missing."""
    from qaclims_mm.downloads.needs import BY_HAND, check_disks, needs_of, obtain_all
    from qaclims_mm.downloads.overview import by_hand_lines
    from qaclims_mm.workflow.locks import hold

    with hold(args.downloads / '.lock', str(args.downloads)):
        # of another process, which has held the lock
        needs = needs_of(catalogue, args.downloads, args.mirror)
        accept_licences(needs, args.accept_licences)
        check_disks(needs, *size_of_run(args)[:2])
        obtain_all(needs, lambda line: console.print(line, soft_wrap=True))
        # a person may have put files there meanwhile
        needs = needs_of(catalogue, args.downloads, args.mirror)
        if any(n.state == BY_HAND and not n.item.optional for n in needs):
            for line in by_hand_lines(needs):
                console.print(line, soft_wrap=True)
            console.print('put these files there, and give the same command again')
            return False
        for command in catalogue.commands:
            run_command(command, args.downloads, console)
    return check(args.plan, console)


def size_of_run(args: argparse.Namespace) -> tuple[Path, int, int]:
    """Return where the run writes, how many bytes, and how many stages of unknown size.

    Both numbers are 0 if it has begun or is not wanted.
    """
    from qaclims_mm.workflow.plans import read_plan

    plan = read_plan(args.plan, args.work_dir)
    is_new = not args.download_only and not plan.root.exists()
    sizes = [s.megabytes for s in plan.stages] if is_new else []
    return plan.root, int(sum(size or 0 for size in sizes) * 1e6), sizes.count(None)


def accept_licences(needs: Sequence['Need'], accepted: bool) -> None:
    """Ask once whether the licences of what is fetched are accepted.

    Raises:
        ConfigError: If they are not, or nobody can be asked.
    """
    from qaclims_mm.downloads.needs import TO_FETCH
    from qaclims_mm.errors import ConfigError

    if accepted or not any(need.state == TO_FETCH for need in needs):
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            'the licences above have to be accepted before anything is fetched; read them, and '
            'give --accept-licences.'
        )
    sys.stdout.write('Fetch these files under the licences above? [y/N] ')
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ('y', 'yes'):
        raise ConfigError('the licences were not accepted; nothing was fetched.')


def is_made(command: 'Command') -> bool:
    """Return whether all that a command makes is there."""
    return all(Path(path).exists() for path in command.makes)


def run_command(command: 'Command', downloads: Path, console: 'Console') -> None:
    """Run a sub-command unless what it makes is there.

    Raises:
        StageError: If it does not make it.
    """
    from qaclims_mm.errors import StageError

    if is_made(command):
        return
    name, *words = command.filled(downloads)
    console.print(f'{command.about}: qaclims {" ".join([name, *words])}', soft_wrap=True)
    before = sys.argv
    sys.argv = [f'qaclims {name}', *words]
    try:
        importlib.import_module(f'qaclims_mm.cli.{commands()[name]}').main()
    finally:
        sys.argv = before
    if missing := [path for path in command.makes if not Path(path).exists()]:
        raise StageError(f'qaclims {name} has not made {missing[0]}; correct the catalogue.')


def check(plan: str, console: 'Console') -> bool:
    """Print what data and weights of a plan are missing; returns whether nothing is."""
    from qaclims_mm.checks.configs import check_configs
    from qaclims_mm.cli.check_dataset import problems_table
    from qaclims_mm.workflow.plans import read_configs

    report = check_configs(read_configs(plan))
    if report.problems:
        console.print(problems_table(report.problems))
        return False
    images = sum(s.images or 0 for s in report.sets)
    text = f'; {counted(images, "record")} of lists checked'
    console.print(styled(('nothing is missing', 'green'), text))
    return True
