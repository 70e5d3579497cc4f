"""Troubles that somebody must know of, from the moment they were noticed until they are over."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.alert_causes import CAUSES, OTHER, WAITS, Cause
from integration.models.portal import Credential, Portal


class Alert(models.Model):
    """One trouble of one subject: `service`, `portal:<id>` or `credential:<id>`.

    `mailed_at` and `notified_at` are when the staff were last written to and the portal's administrators last told,
    of the trouble or, after `resolved_at`, of its end.
    """

    subject = models.CharField(_("о чём"), max_length=40)
    portal = models.ForeignKey(
        Portal, models.CASCADE, null=True, blank=True, related_name="alerts", verbose_name=_("портал")
    )
    credential = models.ForeignKey(
        Credential, models.CASCADE, null=True, blank=True, related_name="alerts", verbose_name=_("подключение")
    )
    code = models.CharField(_("причина"), max_length=30)
    detail = models.CharField(_("подробности"), max_length=1000, blank=True)
    since = models.DateTimeField(_("с"), default=timezone.now)
    resolved_at = models.DateTimeField(_("устранено"), null=True, blank=True)
    mailed_at = models.DateTimeField(_("письмо отправлено"), null=True, blank=True)
    notified_at = models.DateTimeField(_("сообщено в портал"), null=True, blank=True)

    class Meta:
        verbose_name = _("предупреждение")
        verbose_name_plural = _("предупреждения")
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "code"], condition=Q(resolved_at__isnull=True), name="one_open_alert_of_a_cause"
            )
        ]
        indexes = [models.Index(fields=["portal", "-since"], name="alert_of_portal")]

    def __str__(self) -> str:
        return str(self.title)

    @property
    def cause(self) -> Cause:
        return CAUSES.get(self.code, OTHER)

    @property
    def title(self) -> str | Promise:
        return self.cause.title

    @property
    def remedy(self) -> str | Promise:
        return self.cause.remedy

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    def sentence(self) -> str:
        """The trouble in the active language: since when, what, and what to do."""
        head = gettext("Не работает с {moment}") if self.cause.stops else gettext("С {moment}")
        what = f"{self.title} ({self.detail})" if self.detail else str(self.title)
        waits = "" if self.cause.is_reachable else f" {WAITS}"
        return f"{head.format(moment=self.moment(self.since))}: {what}. {self.remedy}{waits}"

    def farewell(self) -> str:
        """The end of the trouble in the active language."""
        assert self.resolved_at is not None  # noqa: S101 - asked of what is over
        text = gettext("Снова работает: «{title}» – с {since} до {until}.")
        return text.format(title=self.title, since=self.moment(self.since), until=self.moment(self.resolved_at))

    def moment(self, at: datetime) -> str:
        """A moment in the portal's zone; of another day with its date."""
        zone = self.portal.zone if self.portal else timezone.get_default_timezone()
        local, today = at.astimezone(zone), timezone.now().astimezone(zone)
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d.%m %H:%M}"
