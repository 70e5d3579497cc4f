"""The row behind a lane: who drains it, when it was rung, why it pauses, how full the vendor's bucket is."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Lane(models.Model):
    """One queue of work with one drain at a time: `b24:<portal>:live`, `b24:<portal>:bulk`, `uis:<credential>`."""

    name = models.CharField(_("дорожка"), max_length=60, unique=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(_("занята до"), null=True, blank=True)
    rung_at = models.DateTimeField(_("звонили"), null=True, blank=True)
    paused_until = models.DateTimeField(_("пауза до"), null=True, blank=True)
    pause_reason = models.CharField(_("причина паузы"), max_length=200, blank=True)
    failures = models.PositiveSmallIntegerField(_("сбоев подряд"), default=0)
    is_single = models.BooleanField(_("по одному"), default=False)
    clean_rounds = models.PositiveSmallIntegerField(default=0)
    bucket_level = models.FloatField(default=0)
    bucket_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("дорожка")
        verbose_name_plural = _("дорожки")
        indexes = [
            models.Index(
                fields=["name"], condition=Q(lease_until__isnull=False) | Q(rung_at__isnull=False), name="lane_busy"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_troubled(self) -> bool:
        """It has failed or rested, and no clean round has been noted since."""
        return bool(self.failures or self.is_single or self.pause_reason)
