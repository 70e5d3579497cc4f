"""When a portal installed the application, and the address it had before it was renamed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0006_cause_of_hold_and_failing_poll")]

    operations = [
        migrations.AddField(
            "portal", "installed_at", models.DateTimeField(blank=True, null=True, verbose_name="установлен")
        ),
        migrations.AddField(
            "portal",
            "previous_domain",
            models.CharField(blank=True, default="", max_length=253, verbose_name="прежний адрес"),
        ),
        migrations.AddField("portal", "previous_domain_until", models.DateTimeField(blank=True, null=True)),
    ]
