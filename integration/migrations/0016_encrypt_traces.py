"""Encrypt the traces that were written in clear. Run again it does no harm."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import migrations, models, transaction

AT_ONCE = 200


def _rows(communications: Any) -> Iterator[Any]:
    """All rows, each locked while it is worked on: the service may run meanwhile."""
    last = 0
    while True:
        with transaction.atomic(using=communications.db):
            part = communications.select_for_update().filter(pk__gt=last).order_by("pk").only("trace")[:AT_ONCE]
            for row in part:
                last = row.pk
                yield row
            if not part:
                return


def _over_all(change: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    def run(apps: Any, schema_editor: Any) -> None:
        model = apps.get_model("integration", "Communication")
        for row in _rows(model.objects.using(schema_editor.connection.alias)):
            change(row)

    return run


def _seal(row: Any) -> None:
    row.save(update_fields=["trace"])


def _open(row: Any) -> None:
    in_clear = models.Value(row.trace, models.JSONField())
    type(row).objects.using(row._state.db).filter(pk=row.pk).update(trace=in_clear)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("integration", "0015_trace_is_encrypted")]

    operations = [migrations.RunPython(_over_all(_seal), _over_all(_open))]
