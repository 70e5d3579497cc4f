"""Who has seen and changed what."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0011_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="когда")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("bitrix24", "сотрудник портала"),
                            ("staff", "сотрудник сервиса"),
                            ("command", "команда"),
                            ("system", "сервис"),
                        ],
                        max_length=10,
                        verbose_name="кто",
                    ),
                ),
                ("actor", models.CharField(blank=True, max_length=200, verbose_name="имя или номер")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("installed", "приложение установлено"),
                            ("uninstalled", "приложение удалено"),
                            ("erased", "данные портала стёрты"),
                            ("held", "передача остановлена"),
                            ("resumed", "передача возобновлена"),
                            ("key_set", "ключ UIS задан"),
                            ("secret_renewed", "адреса уведомлений заменены"),
                            ("settings_saved", "настройки сохранены"),
                            ("shown", "показаны личные данные"),
                            ("replayed", "обращения обработаны заново"),
                            ("purged", "старые данные удалены"),
                            ("forgotten", "данные клиента удалены"),
                            ("keys_rotated", "данные перешифрованы"),
                        ],
                        max_length=20,
                        verbose_name="что сделано",
                    ),
                ),
                ("about", models.CharField(blank=True, max_length=300, verbose_name="над чем")),
                ("detail", models.JSONField(blank=True, default=dict, verbose_name="подробности")),
                (
                    "credential",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="audit",
                        to="integration.credential",
                        verbose_name="подключение",
                    ),
                ),
                (
                    "portal",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="audit",
                        to="integration.portal",
                        verbose_name="портал",
                    ),
                ),
            ],
            options={
                "verbose_name": "запись аудита",
                "verbose_name_plural": "записи аудита",
                "indexes": [models.Index(fields=["portal", "-at"], name="audit_of_portal")],
            },
        ),
    ]
