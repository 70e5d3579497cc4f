"""Commits that nobody waits for: what they say is on the disk within a second, and lost only with the whole machine.

A round may be killed anywhere and is repeated from what is stored, so most of what it stores may as well be lost with
what follows it: PostgreSQL keeps commits in their order, so the database is then as it was a moment earlier. Waited for
is only what must be there before a portal is asked to do something, and what it has answered: such a commit brings all
earlier ones to the disk with it. SQLite has no such choice: there every commit is waited for.
"""

from django.db import connection

_UNFLUSHED = " AND set_config('synchronous_commit', 'off', true) = 'off'"


def lazily(update: str) -> str:
    """An UPDATE that ends in its WHERE, changed so that its transaction ends without waiting for the disk.

    The added condition always holds; what it sets is forgotten with the end of the transaction.
    """
    return update + _UNFLUSHED if connection.vendor == "postgresql" else update
