import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0002_view_personal_data"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportCursor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("awaited", "отчёты завершённых звонков"),
                            ("calls", "сверка звонков"),
                            ("chats", "сверка чатов"),
                            ("requests", "сверка заявок"),
                            ("days", "подсчёт по дням"),
                        ],
                        max_length=8,
                        verbose_name="опрос",
                    ),
                ),
                ("since", models.DateTimeField(verbose_name="прочитано до")),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="следующий")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="прочитан")),
                ("error", models.CharField(blank=True, max_length=1000, verbose_name="ошибка")),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="report_cursors",
                        to="integration.credential",
                    ),
                ),
            ],
            options={
                "verbose_name": "опрос отчётов UIS",
                "verbose_name_plural": "опросы отчётов UIS",
                "indexes": [models.Index(fields=["next_at"], name="report_cursor_next")],
                "constraints": [
                    models.UniqueConstraint(fields=("credential", "kind"), name="one_cursor_of_a_kind"),
                ],
            },
        ),
        migrations.AddField(
            model_name="communication",
            name="report_at",
            field=models.DateTimeField(
                blank=True, default=django.utils.timezone.now, null=True, verbose_name="отчёт UIS ждём с"
            ),
        ),
        migrations.AddIndex(
            model_name="communication",
            index=models.Index(
                condition=models.Q(("report_at__isnull", False)),
                fields=["credential", "report_at"],
                name="communication_report",
            ),
        ),
    ]
