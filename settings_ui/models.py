"""Who has the screen open."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models import Portal
from settings_ui.draft_models import SettingsDraft
from settings_ui.journal_models import Resend, Reveal

__all__ = ["FrameSession", "Resend", "Reveal", "SettingsDraft"]


class FrameSession(models.Model):
    """One opened application of one proved user of the portal, or the same tabs opened by `staff` of ours.

    Only the hash of its token is kept: a reader of the database cannot use it, and a row that is deleted ends the
    session at once.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    portal = models.ForeignKey(Portal, models.CASCADE, related_name="frame_sessions", verbose_name=_("портал"))
    user_id = models.PositiveBigIntegerField(_("сотрудник"))
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, verbose_name=_("сотрудник сервиса")
    )
    is_admin = models.BooleanField(_("администратор портала"), default=False)
    language = models.CharField(_("язык"), max_length=5, default="ru")
    created_at = models.DateTimeField(_("начата"), default=timezone.now)
    seen_at = models.DateTimeField(_("последний запрос"), default=timezone.now)

    class Meta:
        verbose_name = _("сеанс в портале")
        verbose_name_plural = _("сеансы в портале")
        indexes = [models.Index(fields=["seen_at"], name="frame_session_idle")]

    def __str__(self) -> str:
        return f"{self.portal_id}: {self.user_id}"
