"""What we did in a portal, and what we know of it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.encryption import EncryptedJSONField
from integration.models import Communication, Portal


class CrmAction(models.Model):
    """One change in a portal, written down before it is sent.

    `sent` means: sent, and no answer was saved. Nobody may overtake such an action.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("в плане")
        SENT = "sent", _("отправлено")
        DONE = "done", _("сделано")
        FAILED = "failed", _("отказ")

    communication = models.ForeignKey(Communication, models.CASCADE, related_name="actions")
    key = models.CharField(_("действие"), max_length=60)
    seq = models.PositiveSmallIntegerField(_("порядок"))
    method = models.CharField(_("метод"), max_length=80)
    params = EncryptedJSONField()
    needs = models.JSONField(default=list, blank=True)
    creates = models.CharField(max_length=10, blank=True)
    is_optional = models.BooleanField(default=False)
    state = models.CharField(_("состояние"), max_length=7, choices=State.choices, default=State.PLANNED)
    sent_at = models.DateTimeField(_("отправлено"), null=True, blank=True)
    done_at = models.DateTimeField(_("сделано"), null=True, blank=True)
    result = models.JSONField(_("ответ"), default=dict, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("действие в CRM")
        verbose_name_plural = _("действия в CRM")
        constraints = [models.UniqueConstraint(fields=["communication", "key"], name="action_once")]
        indexes = [models.Index(fields=["communication"], condition=Q(state="sent"), name="action_unknown_outcome")]

    def __str__(self) -> str:
        return f"{self.key} ({self.get_state_display()})"


class BitrixItem(models.Model):
    """An entry of a dictionary of the portal. What has vanished there stays, marked."""

    class Kind(models.TextChoices):
        USER = "user", _("сотрудник")
        DEPARTMENT = "department", _("отдел")
        STATUS = "status", _("справочник CRM")
        PIPELINE = "pipeline", _("воронка")
        STAGE = "stage", _("стадия")
        SOURCE = "source", _("источник")
        FIELD = "field", _("поле")
        LINE = "line", _("внешняя линия")
        OPENLINE = "openline", _("открытая линия")

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="items")
    kind = models.CharField(_("вид"), max_length=10, choices=Kind.choices)
    code = models.CharField(_("код"), max_length=120)
    name = models.CharField(_("название"), max_length=255, blank=True)
    data = models.JSONField(default=dict, blank=True)
    missing_since = models.DateTimeField(_("нет с"), null=True, blank=True)

    class Meta:
        verbose_name = _("запись справочника Битрикс24")
        verbose_name_plural = _("справочники Битрикс24")
        constraints = [models.UniqueConstraint(fields=["portal", "kind", "code"], name="bitrix_item_once")]

    def __str__(self) -> str:
        return self.name or self.code


class RequestLog(models.Model):
    """One request to a portal. Kept at least three days: a rule of the vendor's market."""

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="requests")
    at = models.DateTimeField(_("когда"), default=timezone.now)
    methods = models.CharField(_("методы"), max_length=500)
    commands = models.PositiveSmallIntegerField(_("команд"), default=1)
    status = models.CharField(_("исход"), max_length=80)
    duration_ms = models.PositiveIntegerField(_("длительность, мс"), default=0)
    detail = models.JSONField(_("подробности"), default=dict, blank=True)

    class Meta:
        verbose_name = _("запрос к порталу")
        verbose_name_plural = _("журнал запросов")
        indexes = [models.Index(fields=["portal", "at"], name="request_log_time")]

    def __str__(self) -> str:
        return f"{self.methods}: {self.status}"
