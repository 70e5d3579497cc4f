"""Troubles that people are told of."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0004_day_counts")]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=40, verbose_name="о чём")),
                ("code", models.CharField(max_length=30, verbose_name="причина")),
                ("detail", models.CharField(blank=True, max_length=1000, verbose_name="подробности")),
                ("since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="с")),
                ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="устранено")),
                ("mailed_at", models.DateTimeField(blank=True, null=True, verbose_name="письмо отправлено")),
                ("notified_at", models.DateTimeField(blank=True, null=True, verbose_name="сообщено в портал")),
                (
                    "credential",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="integration.credential",
                        verbose_name="подключение",
                    ),
                ),
                (
                    "portal",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="integration.portal",
                        verbose_name="портал",
                    ),
                ),
            ],
            options={
                "verbose_name": "предупреждение",
                "verbose_name_plural": "предупреждения",
                "indexes": [models.Index(fields=["portal", "-since"], name="alert_of_portal")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("resolved_at__isnull", True)),
                        fields=("subject", "code"),
                        name="one_open_alert_of_a_cause",
                    )
                ],
            },
        )
    ]
