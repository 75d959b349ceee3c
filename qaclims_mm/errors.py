"""Errors that this package raises; each message says what is wrong, where, and what to do."""

# status of a command that has left records out, which it lists
EXIT_BAD_RECORDS = 3


class QAClimsError(Exception):
    """Base of the package's own errors; a command shows its message without a traceback."""


class FormatError(QAClimsError, ValueError):
    """A file that the package reads or writes is missing, broken or of another version."""


class ConfigError(QAClimsError, ValueError):
    """A value of a config, a plan, a suite or the command line is wrong."""


class DataError(QAClimsError, ValueError):
    """Files that are whole do not fit together: images, labels, classes, masks, maps or texts."""


class RecordError(QAClimsError, ValueError):
    """One record cannot be used; the message names its file and the reason."""


class DownloadError(QAClimsError, RuntimeError):
    """A file cannot be fetched, or what was fetched is not that file."""


class ShortMemoryError(QAClimsError, MemoryError):
    """There is not enough memory for a computation."""


class TrainingError(QAClimsError, ArithmeticError):
    """A network computes NaN or infinity."""


class StageError(QAClimsError, RuntimeError):
    """A stage cannot start or has failed.

    Args:
        message: One sentence.
        log_end: Last lines of the log of a stage that failed.
        reason: Short form of the message for tables; the message by default.
    """

    def __init__(self, message: str, log_end: str = '', reason: str = '') -> None:
        super().__init__(message)
        self.log_end, self.reason = log_end, reason or message
