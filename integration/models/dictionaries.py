"""What is known of a UIS account, and who of its employees is who in Bitrix24."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.models.portal import Credential


class EmployeeLink(models.Model):
    """A UIS employee and the Bitrix24 user he is; no user: he belongs to nobody."""

    class How(models.TextChoices):
        MANUAL = "manual", _("вручную")
        STORED = "stored", _("сохранённая связь")
        EMAIL = "email", _("почта")
        EXTENSION = "extension", _("внутренний номер")
        PHONE = "phone", _("телефон")

    class Card(models.TextChoices):
        DEFAULT = "default", _("как у всех")
        RING = "ring", _("при звонке")
        ANSWER = "answer", _("при ответе")
        NEVER = "never", _("никогда")

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="employee_links")
    uis_employee_id = models.PositiveBigIntegerField(_("сотрудник UIS"))
    bitrix_user_id = models.PositiveBigIntegerField(_("пользователь Битрикс24"), null=True, blank=True)
    how = models.CharField(_("как связан"), max_length=9, choices=How.choices, default=How.MANUAL)
    card = models.CharField(_("карточка звонка"), max_length=7, choices=Card.choices, default=Card.DEFAULT)
    line = models.CharField(_("SIP-линия"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("сотрудник")
        verbose_name_plural = _("сотрудники")
        constraints = [
            models.UniqueConstraint(fields=["credential", "uis_employee_id"], name="employee_linked_once"),
            models.UniqueConstraint(
                fields=["credential", "bitrix_user_id"],
                condition=Q(bitrix_user_id__isnull=False),
                name="user_linked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uis_employee_id} → {self.bitrix_user_id or '—'}"


class UisItem(models.Model):
    """An entry of a dictionary of the UIS account. What has vanished there stays, marked."""

    class Kind(models.TextChoices):
        EMPLOYEE = "employee", _("сотрудник")
        GROUP = "group", _("группа")
        NUMBER = "number", _("виртуальный номер")
        SITE = "site", _("сайт")
        CAMPAIGN = "campaign", _("рекламная кампания")
        SCENARIO = "scenario", _("сценарий")
        TAG = "tag", _("тег")
        CHANNEL = "channel", _("канал чатов")

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="uis_items")
    kind = models.CharField(_("вид"), max_length=8, choices=Kind.choices)
    code = models.CharField(_("код"), max_length=64)
    name = models.CharField(_("название"), max_length=255, blank=True)
    data = models.JSONField(default=dict, blank=True)
    missing_since = models.DateTimeField(_("нет с"), null=True, blank=True)

    class Meta:
        verbose_name = _("запись справочника UIS")
        verbose_name_plural = _("справочники UIS")
        constraints = [models.UniqueConstraint(fields=["credential", "kind", "code"], name="uis_item_once")]

    def __str__(self) -> str:
        return self.name or self.code
