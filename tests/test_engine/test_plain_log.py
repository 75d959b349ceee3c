import io
import logging

import pytest
from mmengine.logging import MMLogger
from mmengine.logging import logger as mm_logger

from qaclims_mm.engine.plain_log import PlainLogFilter


@pytest.fixture
def logger():
    """A logger with the filter; ``written()`` returns what it wrote."""
    logger, stream = logging.Logger('plain'), io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    logger.addFilter(PlainLogFilter())
    logger.written = stream.getvalue
    return logger


@pytest.mark.parametrize(
    ('message', 'args', 'shown'),
    [
        ('image %s: %d', ('\x1b[31mred', 3), '\\x1b[31mred: 3'),
        ('\ud800\u202eevil\ra', (), '\\ud800\\u202eevil\\ra'),
        ("it's 100 % of [/b] :cat:", (), "it's 100 % of [/b] :cat:"),
        ('100 %% of %s', ('%s',), '100 % of %s'),
        ('a table\n\tof lines', (), 'a table\n\tof lines'),
        (ValueError('\x07'), (), '\\x07'),
    ],
)
def test_message(logger, message, args, shown):
    logger.warning(message, *args)
    assert logger.written().endswith(f'{shown}\n')


def test_arguments_that_do_not_fit_are_reported_and_end_nothing(logger, capsys):
    logger.warning('%d images', 'no')
    assert logger.written() == ''
    assert 'Logging error' in capsys.readouterr().err


def test_levels_keep_their_colours(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mm_logger, 'colored', lambda text, *_, **__: f'\x1b[33m{text}\x1b[0m')
    path = tmp_path / 'a.log'
    logger = MMLogger('plain', logger_name='plain', log_file=str(path))
    logger.addFilter(PlainLogFilter())
    try:
        logger.warning('a\x1b[31mred\udce9')
    finally:
        for handler in logger.handlers:
            handler.close()
    assert ' - \x1b[33mWARNING\x1b[0m - a\\x1b[31mred\\udce9\n' in capsys.readouterr().out
    assert 'WARNING - a\\x1b[31mred\\udce9\n' in path.read_text()
