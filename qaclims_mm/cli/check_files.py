"""Check all files between stages: qaclims check-files work_dirs/miniworld."""

import argparse

from qaclims_mm.checks.files import Report, check_files, find_files
from qaclims_mm.checks.kinds import KINDS
from qaclims_mm.console import Table, new_console
from qaclims_mm.progress import new_progress
from qaclims_mm.schemas.names import counted


def main() -> int:
    """Print a table of what is there and one line a problem; the status is 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='work dir of a run or of a whole chain')
    args = parser.parse_args()
    found = find_files(args.folder)
    number = sum(f.kind is not None for f in found)
    if not number:
        raise SystemExit(
            f'{args.folder} holds no file of a stage, only {counted(len(found), "other file")}; '
            'give the work dir of a run.'
        )
    console = new_console()
    with new_progress() as progress:
        task = progress.add_task('checking files', total=number)
        report = check_files(found, lambda: progress.advance(task))
    console.print(make_table(report))
    for problem in report.problems:
        console.print(problem, soft_wrap=True)
    return 1 if report.problems else 0


def make_table(report: Report) -> Table:
    """Return how many files of each kind there are, and how many of them are bad."""
    others = counted(report.others, 'other file')
    table = Table('kind', title='files between stages', caption=others)
    for heading in ('files', 'bad'):
        table.add_column(heading, justify='right')
    for name in dict.fromkeys(kind.name for kind in KINDS):
        if report.files[name]:
            bad = report.bad[name]
            table.add_row(name, str(report.files[name]), str(bad), style='red' if bad else '')
    return table
