"""Statements that PostgreSQL plans once for a connection, as SQLite does by itself.

For those that are carried out all the time, and whose plan is the same whatever their values are: planning such a one
each time takes as long as carrying it out. Where an index serves some values only, the plan for all cannot use it; and
what they read they name (`columns_of`), for a plan with `*` fails once a migration has added a column.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.query import RawQuerySet
from django.db.models.sql import RawQuery


def prepared_cursor(database: BaseDatabaseWrapper) -> CursorWrapper:
    """A cursor whose statements are planned once, from the fifth time on (`prepare_threshold` in the settings)."""
    database.ensure_connection()
    if database.vendor == "postgresql":
        return database._prepare_cursor(psycopg.Cursor(database.connection))
    return database.cursor()


class _PreparedQuery(RawQuery):
    def _execute_query(self) -> None:
        self.cursor = prepared_cursor(connections[self.using])
        self.cursor.execute(self.sql, self.params)


def columns_of(model: type[models.Model], *, table: str) -> str:
    """The columns of a model, each of this table or its short name in the statement."""
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


def prepared_rows(model: type[models.Model], statement: str, values: Sequence[Any]) -> RawQuerySet:
    """The rows that a statement gives, as `Manager.raw` does."""
    query = _PreparedQuery(statement, DEFAULT_DB_ALIAS, values)
    return RawQuerySet(statement, model=model, query=query)
