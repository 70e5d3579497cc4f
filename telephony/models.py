"""Calls and their recordings."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.encryption import EncryptedTextField
from integration.models import Communication


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


class Record(models.Model):
    """A recording at UIS on its way into the portal. It is due once its call is finished there."""

    class State(models.TextChoices):
        WAITING = "waiting", _("ожидает")
        DONE = "done", _("передана")
        FAILED = "failed", _("ошибка")

    communication = models.ForeignKey(Communication, models.CASCADE, related_name="records")
    record_id = models.CharField(_("запись"), max_length=64)
    link = EncryptedTextField(_("адрес"))
    filename = models.CharField(_("файл"), max_length=100)
    state = models.CharField(_("состояние"), max_length=7, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(_("к передаче"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("попыток"), default=0)
    file_id = models.CharField(max_length=40, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("запись разговора")
        verbose_name_plural = _("записи разговоров")
        constraints = [models.UniqueConstraint(fields=["communication", "record_id"], name="record_once")]
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="record_due")]

    def __str__(self) -> str:
        return self.filename
