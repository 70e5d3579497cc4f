"""How often somebody unknown has tried something lately."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attempts(models.Model):
    """The attempts of one network address at one thing, until the moment when they are forgotten.

    The address itself is not kept: `address_hash` is enough to know it again.
    """

    name = models.CharField(_("что"), max_length=20)
    address_hash = models.CharField(_("с адреса (хеш)"), max_length=64)
    count = models.PositiveIntegerField(_("попыток"), default=1)
    until = models.DateTimeField(_("считаются до"))

    class Meta:
        verbose_name = _("попытки с адреса")
        verbose_name_plural = _("попытки с адресов")
        constraints = [models.UniqueConstraint(fields=["name", "address_hash"], name="attempts_once")]
        indexes = [models.Index(fields=["until"], name="attempts_until")]

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"
