"""Who has seen and changed what."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integration.models.portal import Credential, Portal


class AuditEntry(models.Model):
    """One thing that a person, a command or the service itself has done. Never changed, and outlives what it is about.

    `actor` is a Bitrix24 user's id, the name of one of the staff, or a command; `about` what it was done to, in words
    that hold no personal data; `detail` counts and codes.
    """

    class Actor(models.TextChoices):
        BITRIX = "bitrix24", _("сотрудник портала")
        STAFF = "staff", _("сотрудник сервиса")
        COMMAND = "command", _("команда")
        SYSTEM = "system", _("сервис")

    class Action(models.TextChoices):
        INSTALLED = "installed", _("приложение установлено")
        UNINSTALLED = "uninstalled", _("приложение удалено")
        ERASED = "erased", _("данные портала стёрты")
        HELD = "held", _("передача остановлена")
        RESUMED = "resumed", _("передача возобновлена")
        KEY_SET = "key_set", _("ключ UIS задан")
        SECRET_RENEWED = "secret_renewed", _("адреса уведомлений заменены")
        SETTINGS_SAVED = "settings_saved", _("настройки сохранены")
        SHOWN = "shown", _("показаны личные данные")
        REPLAYED = "replayed", _("обращения обработаны заново")
        PURGED = "purged", _("старые данные удалены")
        FORGOTTEN = "forgotten", _("данные клиента удалены")
        KEYS_ROTATED = "keys_rotated", _("данные перешифрованы")

    at = models.DateTimeField(_("когда"), default=timezone.now)
    portal = models.ForeignKey(
        Portal, models.SET_NULL, null=True, blank=True, related_name="audit", verbose_name=_("портал")
    )
    credential = models.ForeignKey(
        Credential, models.SET_NULL, null=True, blank=True, related_name="audit", verbose_name=_("подключение")
    )
    actor_kind = models.CharField(_("кто"), max_length=10, choices=Actor.choices)
    actor = models.CharField(_("имя или номер"), max_length=200, blank=True)
    action = models.CharField(_("что сделано"), max_length=20, choices=Action.choices)
    about = models.CharField(_("над чем"), max_length=300, blank=True)
    detail = models.JSONField(_("подробности"), default=dict, blank=True)

    class Meta:
        verbose_name = _("запись аудита")
        verbose_name_plural = _("записи аудита")
        indexes = [models.Index(fields=["portal", "-at"], name="audit_of_portal")]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.about}"
