"""What this package raises for a user's mistake; the message says what, where and what to do."""


class QAClimsError(Exception):
    """Base of the package's own errors; a command shows its message without a traceback."""


class FormatError(QAClimsError, ValueError):
    """A file is missing, broken or of another version."""


class ConfigError(QAClimsError, ValueError):
    """A config, a plan or a value of the command line is wrong."""


class RecordError(QAClimsError, ValueError):
    """One record cannot be used; the message names its file and the reason."""
