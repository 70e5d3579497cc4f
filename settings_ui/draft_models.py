"""What somebody has typed and not saved."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models import Credential


class SettingsDraft(models.Model):
    """The settings as they stand on somebody's screen; `document` may be wrong anywhere. One per person."""

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="drafts", verbose_name=_("учётные данные"))
    author_kind = models.CharField(_("кто"), max_length=10)
    user_id = models.PositiveBigIntegerField(_("сотрудник"))
    base_revision = models.PositiveIntegerField(_("от редакции"))
    document = models.JSONField(_("документ"))
    saved_at = models.DateTimeField(_("сохранён"), default=timezone.now)

    class Meta:
        verbose_name = _("черновик настроек")
        verbose_name_plural = _("черновики настроек")
        constraints = [
            models.UniqueConstraint(fields=["credential", "author_kind", "user_id"], name="one_draft_of_a_person")
        ]
        indexes = [models.Index(fields=["saved_at"], name="draft_age")]

    def __str__(self) -> str:
        return f"{self.credential_id}: {self.user_id}"
