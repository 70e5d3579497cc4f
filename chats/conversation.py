"""The conversation of a chat as UIS tells it → messages. Pure.

A message is {"id", "at", "source", "author", "text", "file": {"name", "link"} or None}; `at` in UTC, None where it is
not told.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from integration.events import items, moment, person_name, text

Payload = Mapping[str, Any]
Facts = dict[str, Any]

# "15:00:40 Сергей: Здравствуйте", with or without a date before it
_LINE = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ T])?(\d{1,2}:\d\d:\d\d)\s+([^:\n]{1,100}):[ \t]?(.*)")


def _message(
    *, at: datetime | None, source: str, author: str, said: str, number: str = "", file: Facts | None = None
) -> Facts:
    told_at = at.astimezone(UTC).isoformat() if at else None
    return {"id": number, "at": told_at, "source": source, "author": author, "text": said, "file": file}


def told_messages(payload: Payload, ended_at: datetime, zone: tzinfo) -> list[Facts]:
    """The conversation that the end of a chat tells: a list of messages, or a text with a line for each."""
    rows = [row for row in items(payload, "messages") if isinstance(row, dict)]
    return _read_rows(rows, zone) if rows else _read_lines(text(payload, "messages"), ended_at, zone)


def reported_messages(payload: Payload, zone: tzinfo) -> list[Facts]:
    """The conversation as the report tells it, in its order."""
    return _read_rows([row for row in items(payload, "messages") if isinstance(row, dict)], zone)


def _read_rows(rows: Sequence[Payload], zone: tzinfo) -> list[Facts]:
    told = [
        _message(
            at=moment(row, "date_time", zone),
            source=text(row, "source"),
            author=person_name(text(row, "employee_full_name")),
            said=text(row, "text"),
            number=text(row, "id"),
            file=_file(row.get("resource")),
        )
        for row in rows
    ]
    told = [one for one in told if one["text"] or one["file"]]
    return sorted(told, key=lambda one: (one["at"] or "", int(one["id"]) if one["id"].isdecimal() else 0))


def _file(resource: Any) -> Facts | None:
    link = text(resource, "file_url") if isinstance(resource, dict) else ""
    return {"name": text(resource, "file_name"), "link": link} if link else None


def _read_lines(told: str, ended_at: datetime, zone: tzinfo) -> list[Facts]:
    """A line without a time goes on with what the line before. Times without a date lie before the end."""
    messages: list[Facts] = []
    for line in told.splitlines():
        if found := _LINE.fullmatch(line):
            day, clock, author, said = found.groups()
            messages.append(
                _message(at=_at(day, clock, ended_at, zone), source="", author=person_name(author.strip()), said=said)
            )
        elif messages:
            messages[-1]["text"] += f"\n{line}"
        elif line.strip():
            messages.append(_message(at=None, source="", author="", said=line))
    return _days_back(messages)


def _at(day: str | None, clock: str, ended_at: datetime, zone: tzinfo) -> datetime | None:
    local = ended_at.astimezone(zone)
    try:
        on = date.fromisoformat(day) if day else local.date()
        at = datetime.combine(on, time.fromisoformat(clock.zfill(8)), zone)
    except ValueError:
        return None
    return at if day or at <= local else at - timedelta(days=1)


def _days_back(messages: Sequence[Facts]) -> list[Facts]:
    """A clock that goes back from one message to the next has passed midnight: what was said before is a day older."""
    kept: list[Facts] = []
    later: datetime | None = None
    for message in reversed(messages):
        at = datetime.fromisoformat(message["at"]) if message["at"] else None
        while at and later and at > later:
            at -= timedelta(days=1)
        later = at or later
        kept.append({**message, "at": at.isoformat() if at else None})
    return kept[::-1]
