"""Many rows at once, in one round trip: new ones, ones with values of their own, ones that become alike.

`update_each` and `update_alike` take the rows in the order of their ids, so that two processes that change some of the
same rows wait for one another, and never each for the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models, transaction

from integration.flushing import lazily
from integration.prepared import prepared_cursor

Values = Mapping[str, Any]
AT_ONCE = 200


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one table; they have their ids then.

    As `bulk_create` does it, without what that can do besides: it took a sixth of a round.
    """
    for start in range(0, len(rows), AT_ONCE):
        _insert(rows[start : start + AT_ONCE])


def _insert(rows: Sequence[models.Model]) -> None:
    meta = rows[0]._meta
    fields = [field for field in meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    one = f"({', '.join(['%s'] * len(fields))})"
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields]
    with prepared_cursor(connection) as cursor:
        cursor.execute(
            f'INSERT INTO "{meta.db_table}" ({columns}) VALUES {", ".join([one] * len(rows))} RETURNING id',  # noqa: S608 - names of columns
            values,
        )
        for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk, row._state.adding, row._state.db = pk, False, connection.alias


def update_ids(model: type[models.Model], ids: Sequence[int], values: Values) -> None:
    """Update rows that nobody else changes, by their ids, all alike, in one statement."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    written = ", ".join(f'"{fields[name].column}" = %s' for name in values)
    places = ", ".join(["%s"] * len(ids))
    new = [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]
    with prepared_cursor(connection) as cursor:
        cursor.execute(
            f'UPDATE "{model._meta.db_table}" SET {written} WHERE id IN ({places})',  # noqa: S608 - names of columns
            [*new, *ids],
        )


def update_each(model: type[models.Model], changes: Sequence[tuple[Values, Values]], *, lazy: bool = False) -> None:
    """Update rows, each by what it is to be found by, its id among that, and what it is to become: column attributes
    with their values, the same ones for all. A row that is not found is passed over.

    Unlike `bulk_update`, whose statement grows with every row, a row costs as much here among many as alone. If it is
    `lazy` nobody waits for the commit of the transaction that this belongs to (`integration.flushing`).
    """
    if not changes:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    where, values = changes[0]
    table = model._meta.db_table
    written = ", ".join(f'"{fields[name].column}" = %s' for name in values)
    found = " AND ".join(f'"{fields[name].column}" = %s' for name in where)
    rows = [
        [
            fields[name].get_db_prep_save(part[name], connection)
            for part, names in ((new, values), (old, where))
            for name in names
        ]
        for old, new in sorted(changes, key=lambda change: change[0]["id"])
    ]
    update = f'UPDATE "{table}" SET {written} WHERE {found}'  # noqa: S608 - names of columns
    with prepared_cursor(connection) as cursor:
        cursor.executemany(lazily(update) if lazy else update, rows)


def update_alike(rows: models.QuerySet[Any], **values: Any) -> int:
    """Update all rows of a query in the same way; how many they were."""
    with transaction.atomic():
        ids = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        return rows.model._base_manager.filter(pk__in=ids).update(**values) if ids else 0
