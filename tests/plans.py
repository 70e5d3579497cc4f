"""How PostgreSQL finds what a statement asks for, and how much it reads for that."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

_PAGES = re.compile(r"Buffers: shared((?: \w+=\d+)+)")
_READ = re.compile(r"(?:hit|read)=(\d+)")


class Plan:
    """Of a statement that was carried out for it, and taken back.

    `pages` of 8 kB were looked at for each value of the statement, in memory or on the disk: what grows with a table if
    anything does. `text` is what EXPLAIN says.
    """

    def __init__(self, statement: str, values: Sequence[Any]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {statement}", values)
            self.text = "\n".join(row[0] for row in cursor.fetchall())
            transaction.set_rollback(True)
        whole = _PAGES.search(self.text.partition("\nPlanning")[0])
        self.pages = sum(map(int, _READ.findall(whole[1]))) / max(1, len(values)) if whole else 0.0


def is_explained(statement: str) -> bool:
    """Whether it is one that looks for rows."""
    return statement.startswith(("SELECT", "UPDATE", "DELETE"))
