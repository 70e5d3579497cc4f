"""How far the reports of a UIS account have been read, and how much UIS says there was."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models.portal import Credential


class ReportCursor(models.Model):
    """One regular poll of a UIS account. Everything that began before `since` has been read.

    `next_at` is when it is polled again, `read_at` when it was last read to its end. `error` is the instruction for
    the administrator while the poll fails, `code` UIS's mnemonic of it and `failing_since` since when.
    """

    class Kind(models.TextChoices):
        """In the order of their urgency."""

        AWAITED = "awaited", _("отчёты завершённых звонков")
        CALLS = "calls", _("сверка звонков")
        CHATS = "chats", _("сверка чатов")
        REQUESTS = "requests", _("сверка заявок")
        DAYS = "days", _("подсчёт по дням")

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="report_cursors")
    kind = models.CharField(_("опрос"), max_length=8, choices=Kind.choices)
    since = models.DateTimeField(_("прочитано до"))
    next_at = models.DateTimeField(_("следующий"), default=timezone.now)
    read_at = models.DateTimeField(_("прочитан"), null=True, blank=True)
    error = models.CharField(_("ошибка"), max_length=1000, blank=True)
    code = models.CharField(max_length=60, blank=True, default="")
    failing_since = models.DateTimeField(_("не удаётся с"), null=True, blank=True)

    class Meta:
        verbose_name = _("опрос отчётов UIS")
        verbose_name_plural = _("опросы отчётов UIS")
        constraints = [models.UniqueConstraint(fields=["credential", "kind"], name="one_cursor_of_a_kind")]
        # What is awaited is looked for among the communications: its cursors of all accounts would always be due.
        indexes = [models.Index(fields=["next_at"], condition=~models.Q(kind="awaited"), name="report_cursor_due")]

    def __str__(self) -> str:
        return self.get_kind_display()


class DayCount(models.Model):
    """How many communications of a kind UIS says it had on a day of the account's zone."""

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="day_counts")
    kind = models.CharField(_("вид"), max_length=8)
    day = models.DateField(_("день"))
    in_uis = models.PositiveIntegerField(_("в UIS"))
    counted_at = models.DateTimeField(_("подсчитано"), default=timezone.now)

    class Meta:
        verbose_name = _("итог дня в UIS")
        verbose_name_plural = _("итоги дней в UIS")
        constraints = [models.UniqueConstraint(fields=["credential", "kind", "day"], name="day_counted_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.day}"
