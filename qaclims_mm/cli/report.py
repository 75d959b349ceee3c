"""Write a report of a work dir: qaclims report WORK_DIR.

The page report.html has numbers, curves, maps, failures, answers and configs. The folder
report_files beside it has a page with every mask, and the figures as PDF and SVG. Nothing in the
work dir is executed.
"""

import argparse
from pathlib import Path

from qaclims_mm.console import new_console


def main() -> None:
    """Write the page and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', help='folder that qaclims run has filled, or a project')
    parser.add_argument(
        '--out',
        help='HTML file, its folder of files lies beside it; default report.html in the work dir',
    )
    parser.add_argument(
        '--ablations',
        help='folder of the tables of qaclims ablate; default ablations beside the work dir',
    )
    parser.add_argument(
        '--results',
        help='Markdown page whose tables and pictures are renewed, between the lines '
        '<!-- ablation: SUITE --> or <!-- pictures: SECTION --> and <!-- end -->',
    )
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.report.page import files_folder, write_report
    from qaclims_mm.report.results_page import update_page

    out = Path(args.out or Path(args.work_dir) / 'report.html')
    ablations = args.ablations or Path(args.work_dir).parent / 'ablations'
    sections = write_report(args.work_dir, out, ablations)
    if args.results:
        update_page(args.results, ablations, sections)
    megabytes = out.stat().st_size / 1e6
    console = new_console()
    console.print(f'{out}: {megabytes:.1f} MB', soft_wrap=True)
    console.print(f'figures and all masks: {files_folder(out)}', soft_wrap=True)
