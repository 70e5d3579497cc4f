"""Calls and their recordings."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration import lanes
from integration.encryption import EncryptedJSONField, EncryptedTextField
from integration.models import Communication, Credential, Portal
from telephony.routing import MAX_PHONE, Reason

REASONS = {
    Reason.OWNER: _("Ответственный найден"),
    Reason.OFF: _("Переадресация выключена"),
    Reason.BAD_QUESTION: _("Запрос не читается"),
    Reason.NOT_INCOMING: _("Звонок не входящий"),
    Reason.HIDDEN_NUMBER: _("Номер скрыт или не передан"),
    Reason.UNKNOWN_CLIENT: _("Клиента нет в CRM"),
    Reason.INACTIVE: _("Ответственный уволен или неизвестен"),
    Reason.NOT_AT_WORK: _("Рабочий день ответственного не открыт"),
    Reason.NO_PHONE: _("У ответственного нет внутреннего и рабочего номера"),
    Reason.ON_HOLD: _("Портал остановлен: нужна помощь администратора"),
    Reason.BUSY: _("Портал занят: исчерпан лимит запросов"),
    Reason.TOKEN: _("Портал не успел выдать новый токен"),
    Reason.NO_ANSWER: _("Портал не ответил вовремя"),
    Reason.ERROR: _("Внутренняя ошибка: подробности в журнале сервера"),
}
"""What the screen shows for each reason."""


class CallManager(models.Manager["Call"]):
    def get_queryset(self) -> "models.QuerySet[Call]":
        return super().get_queryset().filter(kind="call")


class Call(Communication):
    """A communication that is a call."""

    objects = CallManager()

    class Meta:
        proxy = True
        verbose_name = _("звонок")
        verbose_name_plural = _("звонки")


class RecordQuerySet(models.QuerySet["Record"]):
    def send_again(self) -> int:
        """Transfer recordings once more, and ring the lanes; one that is in the portal already is replaced there."""
        keys = list(self.values_list("pk", flat=True))
        records = Record.objects.filter(pk__in=keys)
        count = records.update(state=Record.State.WAITING, due_at=timezone.now(), attempts=0, error="")
        for portal in Portal.objects.filter(communications__records__in=keys).distinct():
            lanes.ring(portal.bulk_lane)
        return count


class Record(models.Model):
    """A recording at UIS on its way into the portal. It is due once its call is finished there."""

    class State(models.TextChoices):
        WAITING = "waiting", _("ожидает")
        DONE = "done", _("передана")
        FAILED = "failed", _("ошибка")
        LINKED = "linked", _("передана ссылкой")

    communication = models.ForeignKey(Communication, models.CASCADE, related_name="records")
    record_id = models.CharField(_("запись"), max_length=64)
    link = EncryptedTextField(_("адрес"))
    filename = models.CharField(_("файл"), max_length=100)
    state = models.CharField(_("состояние"), max_length=7, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(_("к передаче"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("попыток"), default=0)
    file_id = models.CharField(max_length=40, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)

    objects = RecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("запись разговора")
        verbose_name_plural = _("записи разговоров")
        constraints = [models.UniqueConstraint(fields=["communication", "record_id"], name="record_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="record_due"),
            models.Index(fields=["communication"], condition=Q(state="failed"), name="record_lost"),
        ]

    def __str__(self) -> str:
        return self.filename


class RoutingQuestion(models.Model):
    """A question of UIS who should get a call, and what it was told. Kept for a few days, for the screen.

    `phone` is E.164, or the digits that came when they are no phone number. `answer` is the body as sent.
    """

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="routing_questions")
    asked_at = models.DateTimeField(_("когда"), default=timezone.now)
    phone = models.CharField(_("номер клиента"), max_length=MAX_PHONE, blank=True)
    answer = models.JSONField(_("ответ"))
    reason = models.CharField(
        _("причина"), max_length=20, choices=[(code.value, text) for code, text in REASONS.items()]
    )
    took_ms = models.PositiveIntegerField(_("время ответа, мс"))

    class Meta:
        verbose_name = _("вопрос о персональном менеджере")
        verbose_name_plural = _("вопросы о персональном менеджере")
        indexes = [
            models.Index(fields=["credential", "-asked_at"], name="routing_question_newest"),
            models.Index(fields=["asked_at"], name="routing_question_age"),
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%d.%m.%Y %H:%M:%S}: {self.get_reason_display()}"


class Dial(models.Model):
    """A call that UIS is asked to start, once. `sent` without an answer: nobody knows, nobody repeats it.

    `method` is the name of a function of `integration.uis_calls`, `params` its arguments. UIS is asked at `due_at`,
    which moves on while UIS says that it cannot begin the call yet; not after `until`.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("в плане")
        SENT = "sent", _("отправлен")
        ANSWERED = "answered", _("начат")
        FAILED = "failed", _("не начат")

    communication = models.OneToOneField(Communication, models.CASCADE, related_name="dial")
    method = models.CharField(_("способ"), max_length=40)
    params = EncryptedJSONField()
    state = models.CharField(_("состояние"), max_length=8, choices=State.choices, default=State.PLANNED)
    due_at = models.DateTimeField(_("не раньше"), default=timezone.now)
    until = models.DateTimeField(_("не позже"))
    rung_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("отправлен в"), null=True, blank=True)
    answer = models.JSONField(_("ответ"), default=dict, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("набор номера")
        verbose_name_plural = _("наборы номера")
        indexes = [models.Index(fields=["rung_at"], condition=Q(state="planned"), name="dial_planned")]

    def __str__(self) -> str:
        return f"{self.method} ({self.get_state_display()})"
