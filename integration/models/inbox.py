"""The inbox: everything that was told to us, raw, once."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.encryption import EncryptedBytesField, EncryptedTextField
from integration.models.communication import Communication


class InboxEvent(models.Model):
    """One notification or event as it came. `folded_at` is empty until its facts are in its communication."""

    class Source(models.TextChoices):
        UIS = "uis", _("уведомление UIS")
        REPORT = "report", _("отчёт UIS")
        BITRIX24 = "b24", _("событие Битрикс24")
        DIAL = "dial", _("ответ на набор номера")

    channel = models.CharField(_("канал"), max_length=40)
    source = models.CharField(_("источник"), max_length=6, choices=Source.choices)
    name = models.CharField(_("событие"), max_length=60, blank=True)
    dedupe_key = models.CharField(max_length=64)
    query = EncryptedTextField(blank=True)
    body = EncryptedBytesField(blank=True)
    received_at = models.DateTimeField(_("получено"), default=timezone.now)
    communication = models.ForeignKey(
        Communication, models.SET_NULL, null=True, blank=True, related_name="events", verbose_name=_("обращение")
    )
    folded_at = models.DateTimeField(_("прочитано"), null=True, blank=True)
    error = models.CharField(_("ошибка"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("входящее событие")
        verbose_name_plural = _("входящие события")
        constraints = [models.UniqueConstraint(fields=["channel", "dedupe_key"], name="event_stored_once")]
        indexes = [
            models.Index(fields=["channel", "id"], condition=Q(folded_at__isnull=True), name="event_unread"),
            # Only what has been read: taking in pays nothing for it.
            models.Index(
                fields=["channel", "name", "-received_at"],
                condition=Q(folded_at__isnull=False),
                name="event_last_received",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.channel
