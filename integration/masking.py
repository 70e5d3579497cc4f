"""What must never stand in a log: tokens, secrets, full phone numbers."""

import logging
import re

_SECRETS = re.compile(
    r"(?i)((?:access_token|refresh_token|client_secret|application_token|auth_id|refresh_id|auth|secret|password)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
)
_HOOK = re.compile(r"(/uis/[0-9a-f-]{36}/)[^/\s]+")
_PHONE = re.compile(r"(?<![\w.-])(\+?\d{1,4})(\d{5,7})(\d{2})(?![\w.-])")


def mask(text: str) -> str:
    """The text without secrets; of a phone number only the head and the last two digits remain."""
    text = _SECRETS.sub(r"\1…", text)
    text = _HOOK.sub(r"\1…", text)
    return _PHONE.sub(lambda found: f"{found[1]}{'*' * len(found[2])}{found[3]}", text)


class MaskingFilter(logging.Filter):
    """Masks every record before it is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = mask(record.getMessage())
        record.args = None
        return True
