"""Writing dictionaries: one read and a few statements per kind, however many entries there are."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models, transaction

from integration.rules.dictionaries import Change, Entry, Known, compare

MAX_NAME = 255


def store(
    model: type[models.Model],
    owner: Mapping[str, Any],
    kind: str,
    entries: Iterable[Entry],
    *,
    now: datetime,
    prefix: str = "",
) -> Change:
    """Bring the rows of a kind into line with a complete answer, and say what changed.

    `model` has kind, code, name, data, missing_since, unique together with the one key of `owner`. With `prefix` only
    the rows whose code begins so are compared. What is not in the answer is marked `missing_since`, never deleted.
    """
    rows = model._default_manager.filter(**owner, kind=kind, code__startswith=prefix)
    known = [
        Known(Entry(code, name, data), missing is not None)
        for code, name, data, missing in rows.values_list("code", "name", "data", "missing_since")
    ]
    change = compare(known, (_storable(model, entry) for entry in entries))
    present = [(entry, None) for entry in (*change.added, *change.changed, *change.returned)]
    gone = [(entry, now) for entry in change.removed]
    with transaction.atomic():
        model._default_manager.bulk_create(
            [
                model(
                    **owner, kind=kind, code=entry.code, name=entry.name, data=dict(entry.data), missing_since=missing
                )
                for entry, missing in (*present, *gone)
            ],
            update_conflicts=True,
            unique_fields=[*owner, "kind", "code"],
            update_fields=["name", "data", "missing_since"],
        )
    return change


def _storable(model: type[models.Model], entry: Entry) -> Entry:
    width = model._meta.get_field("code").max_length
    return Entry(entry.code[:width], entry.name[:MAX_NAME], entry.data)
