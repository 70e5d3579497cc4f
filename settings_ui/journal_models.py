"""What the journal itself writes down: who has looked at a client's data, and what was sent again."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models import Communication, Portal


class Reveal(models.Model):
    """Somebody has looked at the personal data of a communication in full. Outlives the communication."""

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="reveals", verbose_name=_("портал"))
    communication = models.ForeignKey(Communication, models.SET_NULL, null=True, related_name="reveals")
    uis_id = models.CharField(_("номер в UIS"), max_length=64, blank=True)
    user_id = models.PositiveBigIntegerField(_("сотрудник"))
    at = models.DateTimeField(_("когда"), default=timezone.now)

    class Meta:
        verbose_name = _("просмотр личных данных")
        verbose_name_plural = _("просмотры личных данных")
        indexes = [models.Index(fields=["portal", "-at"], name="reveal_newest")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.uis_id}"


class Resend(models.Model):
    """Failed communications that were put to work again together; `ids` are theirs, for the progress."""

    portal = models.ForeignKey(Portal, models.CASCADE, related_name="resends", verbose_name=_("портал"))
    user_id = models.PositiveBigIntegerField(_("сотрудник"))
    at = models.DateTimeField(_("когда"), default=timezone.now)
    ids = models.JSONField(default=list)

    class Meta:
        verbose_name = _("повторная передача")
        verbose_name_plural = _("повторные передачи")

    def __str__(self) -> str:
        return f"{self.portal_id}: {len(self.ids)}"
