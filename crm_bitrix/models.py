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
    """An entry of a dictionary of the portal. What has vanished there stays, marked.

    `crm_bitrix.portal_parsing` writes these; ids are whole numbers unless said otherwise, `sort` is the portal's order.

    | kind | code | data |
    |---|---|---|
    | user | id | is_active, first_name, last_name, email, extension, phones [as written], departments [id], position |
    | department | id | parent (id or null), head (user id or null), sort |
    | pipeline | id | sort, is_default; pipelines of deals |
    | stage | `<ENTITY_ID>:<STATUS_ID>` | id (text, what is sent), object lead/deal, pipeline (id; null for leads),
      semantics "" / "S" won / "F" lost, sort |
    | source | STATUS_ID | sort |
    | status | `<ENTITY_ID>:<STATUS_ID>` | id (text), directory (ENTITY_ID), sort; the other CRM directories |
    | field | `<object>.<field>` | object lead/deal/contact/company, field (what is sent; PHONE EMAIL WEB IM instead of
      fm), type, is_required, is_read_only, is_immutable, is_multiple, is_custom, items [{id, name}] of lists,
      directory (ENTITY_ID of a crm_status field or "") |
    | line | number as registered | creates (CRM_AUTO_CREATE) |
    | openline | id | is_active |
    """

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


class SyncRun(models.Model):
    """One manual or scheduled synchronisation of a portal with its UIS accounts.

    `stages` is a list of {name, credential (its key or null), about, state, done, total, counts, problems [text]}:
    what a screen shows, and where a run that was broken off goes on. `changes` is {"portal": {kind: change},
    "uis": {credential: {kind: change}}, "affected": [{credential, path, text}], "without_surname": [{id, name, link}],
    "notes": [text]} with change = {total, added, changed, removed, returned, names {added, removed: [text]}}.
    `due_at` is when to go on; `lease_until` keeps a second worker away.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("идёт")
        DONE = "done", _("готово")
        FAILED = "failed", _("не удалась")
        CANCELLED = "cancelled", _("отменена")

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="sync_runs")
    started_by = models.CharField(_("кто начал"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("начало"), default=timezone.now)
    finished_at = models.DateTimeField(_("конец"), null=True, blank=True)
    state = models.CharField(_("состояние"), max_length=9, choices=State.choices, default=State.RUNNING)
    stages = models.JSONField(_("шаги"), default=list, blank=True)
    changes = models.JSONField(_("изменения"), default=dict, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)
    cancel_asked = models.BooleanField(_("просили отменить"), default=False)
    attempts = models.PositiveSmallIntegerField(_("попыток"), default=0)
    due_at = models.DateTimeField(default=timezone.now)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("синхронизация")
        verbose_name_plural = _("синхронизации")
        constraints = [
            models.UniqueConstraint(fields=["portal"], condition=Q(state="running"), name="one_running_sync_per_portal")
        ]
        indexes = [
            models.Index(fields=["portal", "-started_at"], name="sync_run_newest"),
            models.Index(fields=["due_at"], condition=Q(state="running"), name="sync_run_due"),
        ]

    def __str__(self) -> str:
        return f"{self.portal} {self.started_at:%d.%m.%Y %H:%M}"


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
