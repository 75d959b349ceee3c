import pytest
from tiny_runs import build_tiny_runner


@pytest.fixture(autouse=True, scope='module')
def _without_reports_of_the_machine():
    """Leave out what mmengine does for its log alone, a second for every runner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.runner.runner.collect_env', dict)
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture
def run_test(tiny, tmp_path):
    """Run a test as qaclims test does; returns the runner, its metrics are in ``.metrics``."""

    def run(*flags, work_dir='work', checkpoint=None, **changes):
        runner = build_tiny_runner(
            tiny, tmp_path / work_dir, 'test', *flags, load_from=checkpoint, **changes
        )
        runner.metrics = runner.test()
        return runner

    return run
