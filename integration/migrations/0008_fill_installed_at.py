"""Portals that are here already were installed when their row was made."""

from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    portals = apps.get_model("integration", "Portal").objects
    portals.filter(installed_at__isnull=True).update(installed_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("integration", "0007_portal_installed_at_and_previous_domain")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
