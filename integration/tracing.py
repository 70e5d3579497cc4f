"""One id from a notification to what was sent to the portal for it.

It is the head of the hash of the notification's body, so it exists before anything is stored and needs no column. A
communication bears the id of its first event; the log's line of every further one leads to it.
"""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from integration.models import Communication, InboxEvent

LENGTH = 12


def trace_id(dedupe_key: str | None) -> str:
    """The id of an event by its hash; "" without one, as of what was deleted by age."""
    return (dedupe_key or "")[:LENGTH]


def with_trace(rows: "QuerySet[Communication]") -> Any:
    """Communications with the hash of their first event as `first_event`."""
    events = InboxEvent.objects.filter(communication=OuterRef("pk")).order_by("pk")
    return rows.annotate(first_event=Subquery(events.values("dedupe_key")[:1]))
