"""Many rows in one round trip: each with values of its own, by one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

Values = Mapping[str, Any]


def update_each(model: type[models.Model], changes: Sequence[tuple[Values, Values]]) -> None:
    """Update rows, each by what it is to be found by and what it is to become: column attributes with their values,
    the same ones for all. A row that is not found is passed over.

    Unlike `bulk_update`, whose statement grows with every row, a row costs as much here among many as alone.
    """
    if not changes:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    where, values = changes[0]
    table = model._meta.db_table
    written = ", ".join(f'"{fields[name].column}" = %s' for name in values)
    found = " AND ".join(f'"{fields[name].column}" = %s' for name in where)
    rows = [
        [fields[name].get_db_prep_save(part[name], connection) for part in (new, old) for name in part]
        for old, new in changes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{table}" SET {written} WHERE {found}', rows)  # noqa: S608 - names of columns
