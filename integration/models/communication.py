"""The communication (обращение): a call, a chat or a request. The unit of all work."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.encryption import SealedJSONField
from integration.models.portal import Credential, Portal


class State(models.TextChoices):
    """How a communication stands. None but these; every one has a reason beside it."""

    NEW = "new", _("Принято")
    DONE = "done", _("Доставлено")
    IGNORED = "ignored", _("Отфильтровано")
    WAITING = "waiting", _("Ожидает")
    WITHHELD = "withheld", _("Удержано")
    RETRY = "retry", _("Повтор")
    FAILED = "failed", _("Ошибка")


class Communication(models.Model):
    """A call, a chat or a request: its facts, what is to be done for it, and why.

    `facts` maps a fact's name to its value, `facts_rank` to `[rank, moment]` of the observation it came from. What the
    client said is among the facts: their values are encrypted, their names can be asked for. `trace` repeats some of
    it, so it is encrypted as a whole.
    `due_at` is empty when there is nothing to do. `rank_at` orders the due ones: a priority that ages. `report_at` is
    when UIS may be asked for the report of this one, once it is over; empty when the report has come or never will.
    `first_event` is the id of the event that it began with (`integration.tracing`).
    """

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="communications")
    credential = models.ForeignKey(Credential, models.CASCADE, related_name="communications")
    kind = models.CharField(_("вид"), max_length=8)
    direction = models.CharField(_("направление"), max_length=3, blank=True)
    uis_id = models.CharField(_("номер в UIS"), max_length=64, blank=True)
    external_id = models.CharField(max_length=64, blank=True)
    client_phone = models.CharField(_("телефон клиента"), max_length=20, blank=True)
    client_keys = models.JSONField(default=list, blank=True)
    first_event = models.CharField(max_length=12, blank=True)
    facts = SealedJSONField(_("факты"), default=dict, blank=True)
    facts_rank = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(_("к обработке"), null=True, blank=True)
    rank_at = models.DateTimeField(default=timezone.now)
    report_at = models.DateTimeField(_("отчёт UIS ждём с"), null=True, blank=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("попыток"), default=0)
    state = models.CharField(_("состояние"), max_length=8, choices=State.choices, default=State.NEW)
    reason = models.CharField(_("причина"), max_length=300, blank=True)
    responsible_id = models.PositiveBigIntegerField(_("ответственный"), null=True, blank=True)
    crm_object = models.CharField(_("объект CRM"), max_length=40, blank=True)
    trace = SealedJSONField(_("разбор"), default=list, blank=True)
    revision = models.PositiveIntegerField(_("редакция настроек"), default=0)
    started_at = models.DateTimeField(_("начало"), default=timezone.now)
    finished_at = models.DateTimeField(_("конец"), null=True, blank=True)

    class Meta:
        verbose_name = _("обращение")
        verbose_name_plural = _("обращения")
        permissions = [("view_personal_data", _("Может видеть личные данные клиентов"))]
        constraints = [
            models.UniqueConstraint(
                fields=["credential", "kind", "uis_id"], condition=~Q(uis_id=""), name="communication_once"
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="communication_external_once"
            ),
        ]
        indexes = [
            models.Index(fields=["portal", "due_at"], condition=Q(due_at__isnull=False), name="communication_due"),
            models.Index(
                fields=["credential", "report_at"],
                condition=Q(report_at__isnull=False),
                name="communication_report",
            ),
            models.Index(
                fields=["started_at"], condition=Q(uis_id="") & ~Q(external_id=""), name="communication_asked"
            ),
            models.Index(fields=["portal", "-started_at"], name="communication_journal"),
            models.Index(fields=["portal", "kind", "-started_at"], name="communication_journal_kind"),
            models.Index(
                fields=["portal", "state", "-started_at"], condition=~Q(state="done"), name="communication_not_done"
            ),
            models.Index(fields=["portal", "client_phone"], name="communication_phone"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uis_id}"


class ClientLink(models.Model):
    """A CRM object that we made or met for a client key (`phone:+7…`, `email:…`, `telegram:…`, `visitor:…`)."""

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="client_links")
    key = models.CharField(_("ключ"), max_length=200)
    object_type = models.CharField(_("объект"), max_length=7)
    object_id = models.PositiveBigIntegerField(_("номер"))
    at = models.DateTimeField(_("когда"), default=timezone.now)

    class Meta:
        verbose_name = _("связь с клиентом")
        verbose_name_plural = _("связи с клиентами")
        constraints = [models.UniqueConstraint(fields=["portal", "key", "object_type"], name="client_link_once")]

    def __str__(self) -> str:
        return f"{self.key} → {self.object_type} {self.object_id}"
