"""The sandbox's time: always `time.time()`, so that a test can freeze or advance it."""

import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")
PORTAL_ZONE = timezone(timedelta(hours=3))


def now() -> float:
    """Unix time, seconds."""
    return time.time()


def iso(at: float) -> str:
    """Portal's spelling of a moment: `2026-03-16T10:15:02+03:00`."""
    return datetime.fromtimestamp(at, PORTAL_ZONE).isoformat(timespec="seconds")


def uis_time(at: float, *, fraction: bool = True) -> str:
    """UIS's spelling, in the account's zone (Moscow): `2026-03-16 10:15:02.118`."""
    moment = datetime.fromtimestamp(at, MOSCOW)
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}" if fraction else text


def parse_uis_time(text: str) -> float:
    """Unix time of a UIS date (`2026-03-16 10:15:02`, fraction optional). Raises ValueError."""
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW).timestamp()


def parse_iso(text: str) -> float:
    """Unix time of an ISO 8601 date; without a zone the portal's is meant. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=PORTAL_ZONE)
    return moment.timestamp()
