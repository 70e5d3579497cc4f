"""One id from a notification to what was sent to the portal for it.

It is the head of the hash of the notification's body, so it exists before anything is stored. A communication bears the
id of its first event; the log's line of every further one leads to it.
"""

LENGTH = 12


def trace_id(dedupe_key: str | None) -> str:
    """The id of an event by its hash; "" without one, as of what was deleted by age."""
    return (dedupe_key or "")[:LENGTH]
