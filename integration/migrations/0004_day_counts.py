import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0003_report_polls"),
    ]

    operations = [
        migrations.CreateModel(
            name="DayCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=8, verbose_name="вид")),
                ("day", models.DateField(verbose_name="день")),
                ("in_uis", models.PositiveIntegerField(verbose_name="в UIS")),
                ("counted_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="подсчитано")),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="day_counts",
                        to="integration.credential",
                    ),
                ),
            ],
            options={
                "verbose_name": "итог дня в UIS",
                "verbose_name_plural": "итоги дней в UIS",
                "constraints": [
                    models.UniqueConstraint(fields=("credential", "kind", "day"), name="day_counted_once"),
                ],
            },
        ),
    ]
