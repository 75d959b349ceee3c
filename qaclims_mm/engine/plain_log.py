"""Log messages without control characters."""

import logging

from qaclims_mm.console import printable


class PlainLogFilter(logging.Filter):
    """Shows the control characters of a message as escapes; drops no record.

    Levels are coloured by the logger's formatter, later, and keep their colours.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Format the message of a record and escape its control characters, in place."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # arguments that do not fit: the handler reports where the call is
            return True
        record.msg, record.args = printable(message), None
        return True
