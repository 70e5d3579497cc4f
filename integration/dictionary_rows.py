"""Writing dictionaries: one read, and one write of what has changed, however many kinds and entries there are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import models

from integration.rules.dictionaries import Change, Entry, Known, Part, compare

MAX_NAME = 255


def store(
    model: type[models.Model], owner: Mapping[str, Any], parts: Iterable[Part], *, now: datetime
) -> dict[str, Change]:
    """Bring the rows of an owner into line with complete answers, and say what changed, by kind.

    `model` has kind, code, name, data, missing_since, unique together with the one key of `owner`. What is not in an
    answer is marked `missing_since`, never deleted.
    """
    parts = list(parts)
    known = _known(model, owner, {part.kind for part in parts})
    changes: dict[str, Change] = {}
    rows: list[models.Model] = []
    for part in parts:
        kind = str(part.kind)
        before = [each for each in known[kind] if each.entry.code.startswith(part.prefix)]
        change = compare(before, (_storable(model, entry) for entry in part.entries))
        changes[kind] = changes.get(kind, Change()) + change
        rows += _rows(model, {**owner, "kind": kind}, change, now)
    model._default_manager.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=[*owner, "kind", "code"],
        update_fields=["name", "data", "missing_since"],
    )
    return changes


def _known(model: type[models.Model], owner: Mapping[str, Any], kinds: Iterable[str]) -> Mapping[str, list[Known]]:
    known = defaultdict[str, list[Known]](list)
    rows = model._default_manager.filter(**owner, kind__in=kinds)
    for kind, code, name, data, missing in rows.values_list("kind", "code", "name", "data", "missing_since"):
        known[kind].append(Known(Entry(code, name, data), missing is not None))
    return known


def _rows(model: type[models.Model], owner: Mapping[str, Any], change: Change, now: datetime) -> Iterator[models.Model]:
    present = [(entry, None) for entry in (*change.added, *change.changed, *change.returned)]
    for entry, missing in (*present, *((entry, now) for entry in change.removed)):
        yield model(**owner, code=entry.code, name=entry.name, data=dict(entry.data), missing_since=missing)


def _storable(model: type[models.Model], entry: Entry) -> Entry:
    width = model._meta.get_field("code").max_length
    return Entry(entry.code[:width], entry.name[:MAX_NAME], entry.data)
