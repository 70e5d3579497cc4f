"""How the log is written: a line of JSON outside DEBUG, masked, and mail of errors that does not flood.

Whatever is passed as `extra` becomes a key of the line. `trace` is the id that leads from a notification to what was
sent to the portal for it.
"""

import json
import logging
import smtplib
import time
from datetime import UTC, datetime
from typing import Any

from django.utils.log import AdminEmailHandler

from integration.masking import mask

MAIL_AGAIN_SECONDS = 3600.0
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_PLAIN = (str, int, float, list, tuple)


class JsonFormatter(logging.Formatter):
    """One line of JSON per record; the moment in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extras(record),
        }
        if record.exc_info:
            line["exception"] = mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    """A line for people, with what was passed as `extra` behind the message."""

    def format(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{key}={value}" for key, value in extras(record).items())
        return f"{super().format(record)} {told}".rstrip()

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is that of the base class
        return mask(super().formatException(ei))


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What was passed as `extra`, masked; the request, which Django passes, is left out."""
    given = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return {key: _masked(value) for key, value in given.items() if isinstance(value, _PLAIN)}


def _masked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_masked(part) for part in value]
    return mask(value) if isinstance(value, str) else value


class MailOnce(AdminEmailHandler):
    """Mail of errors to the staff: the same line of code once an hour and process, so that a database that is away does
    not fill their boxes, and the message only: what Django adds of a request holds addresses with secrets in them."""

    def __init__(self) -> None:
        super().__init__()
        self._sent: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._sent.get(place, float("-inf")) < MAIL_AGAIN_SECONDS:
            return
        self._sent[place] = now
        subject = f"{record.levelname}: {record.getMessage()}".partition("\n")[0][:200]
        try:
            self.send_mail(subject, self.format(record), fail_silently=False)
        except (OSError, smtplib.SMTPException):
            self.handleError(record)
