"""The vendors' codes of what stands still, beside the words: alerts are told apart by them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0005_alert")]

    operations = [
        migrations.AddField("portal", "hold_code", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField("reportcursor", "code", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField(
            "reportcursor",
            "failing_since",
            models.DateTimeField(blank=True, null=True, verbose_name="не удаётся с"),
        ),
    ]
