"""Runs a stage of a workflow; the rules of its Snakefile call this, people do not.

``python -m qaclims_mm.cli._job FILE KEY [K/N]``: the file of ``Graph.write``, the key of a job in
it and, of one that is shared, the shard.
"""

import sys
from collections.abc import Sequence

from qaclims_mm import cli
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.cli._process import tune_process
from qaclims_mm.schemas import read_json
from qaclims_mm.workflow.job import Job
from qaclims_mm.workflow.signals import exit_when_told


def main(words: Sequence[str]) -> int:
    """Run a job; returns the exit status."""
    path, key, *shard = words
    with exit_when_told():
        job = Job(read_json(path)['jobs'][key], cli.main)
        return job.run_shard(shard[0]) if shard else job.run()


if __name__ == '__main__':
    tune_process()
    run_tool(lambda: main(sys.argv[1:]))
