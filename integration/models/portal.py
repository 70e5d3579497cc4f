"""The two sides that are joined: a Bitrix24 portal, and the UIS account behind a credential."""

import hashlib
import secrets
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from integration.encryption import EncryptedTextField

SHOWN_NAMES = 20
PREVIOUS_DOMAIN_FOR = timedelta(hours=24)


class CrmMode(models.TextChoices):
    LEADS = "leads", _("С лидами")
    DEALS = "deals", _("Без лидов: контакт и сделка")


class Portal(models.Model):
    """A Bitrix24 portal on which the application is installed. Its key is `member_id`, which never changes."""

    member_id = models.CharField(max_length=64, unique=True)
    domain = models.CharField(_("адрес"), max_length=253)
    client_endpoint = models.URLField(max_length=500)
    oauth_host = models.URLField(max_length=200)
    scope = models.CharField(max_length=500, blank=True)
    licence = models.CharField(_("лицензия"), max_length=20, blank=True)
    language = models.CharField(_("язык"), max_length=5, default="ru")
    time_zone = models.CharField(_("часовой пояс"), max_length=64, default="Europe/Moscow")
    crm_mode = models.CharField(_("режим CRM"), max_length=5, choices=CrmMode.choices, default=CrmMode.LEADS)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    token_user_id = models.PositiveBigIntegerField(_("пользователь токена"), null=True, blank=True)
    token_version = models.PositiveIntegerField(default=0)
    refreshing_until = models.DateTimeField(null=True, blank=True)
    application_token = EncryptedTextField(blank=True)
    hold_reason = models.CharField(_("остановлен из-за"), max_length=200, blank=True)
    hold_since = models.DateTimeField(_("остановлен с"), null=True, blank=True)
    hold_code = models.CharField(max_length=60, blank=True, default="")
    paused_methods = models.JSONField(default=dict, blank=True)
    installed_at = models.DateTimeField(_("установлен"), null=True, blank=True)
    uninstalled_at = models.DateTimeField(_("удалён"), null=True, blank=True)
    previous_domain = models.CharField(_("прежний адрес"), max_length=253, blank=True, default="")
    previous_domain_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("портал")
        verbose_name_plural = _("порталы")

    def __str__(self) -> str:
        return self.domain

    @property
    def live_lane(self) -> str:
        return f"b24:{self.pk}:live"

    @property
    def bulk_lane(self) -> str:
        return f"b24:{self.pk}:bulk"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def scopes(self) -> frozenset[str]:
        """The rights that the portal has granted."""
        return frozenset(self.scope.split(","))

    ADDRESS = ("domain", "client_endpoint", "previous_domain", "previous_domain_until")

    def move_to(self, domain: str, client_endpoint: str) -> None:
        """Take the address that was proved; pages that stand open may name the former one for a day still."""
        if self.domain != domain:
            self.previous_domain, self.previous_domain_until = self.domain, timezone.now() + PREVIOUS_DOMAIN_FOR
        self.domain, self.client_endpoint = domain, client_endpoint

    @property
    def domains(self) -> tuple[str, ...]:
        """Its address, and the former one for a day after it was renamed."""
        is_renamed = self.previous_domain_until is not None and self.previous_domain_until > timezone.now()
        return (self.domain, self.previous_domain) if is_renamed else (self.domain,)

    @property
    def is_on_hold(self) -> bool:
        return bool(self.hold_reason or self.uninstalled_at)


class Brand(models.TextChoices):
    UIS = "uis", "UIS"
    COMAGIC = "comagic", "CoMagic"
    CALLGEAR = "callgear", "CallGear"


class CredentialQuerySet(models.QuerySet["Credential"]):
    def named(self, text: str) -> "Credential":
        """The credential with this public id or exact name, as commands take it.

        Raises Credential.DoesNotExist, and Credential.MultipleObjectsReturned for a name used on several portals; both
        say what to write.
        """
        with suppress(ValueError):
            by_uuid = self.filter(uuid=uuid.UUID(text)).first()
            if by_uuid is not None:
                return by_uuid
        found = list(self.filter(name=text).order_by("pk"))
        if not found:
            names = ", ".join(self.order_by("name").values_list("name", flat=True)[:SHOWN_NAMES])
            raise self.model.DoesNotExist(f'no credential has the id or name "{text}"; there are: {names or "none"}')
        if len(found) > 1:
            ids = ", ".join(f"{credential.uuid} ({credential.portal})" for credential in found)
            raise self.model.MultipleObjectsReturned(
                f'"{text}" is the name of several credentials; write the id: {ids}'
            )
        return found[0]


class Credential(models.Model):
    """One UIS account joined to one portal, with its own settings, secrets and journal."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    portal = models.ForeignKey(
        Portal, models.CASCADE, null=True, blank=True, related_name="credentials", verbose_name=_("портал")
    )
    name = models.CharField(_("название"), max_length=100)
    brand = models.CharField(_("бренд"), max_length=20, choices=Brand.choices, default=Brand.UIS)
    uis_key = EncryptedTextField(blank=True)
    uis_account_id = models.PositiveBigIntegerField(_("аккаунт UIS"), null=True, blank=True)
    uis_time_zone = models.CharField(_("часовой пояс UIS"), max_length=64, default="Europe/Moscow")
    hook_secret_hash = models.CharField(max_length=64, blank=True)
    previous_hook_secret_hash = models.CharField(max_length=64, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(_("редакция настроек"), default=0)
    created_at = models.DateTimeField(default=timezone.now)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        verbose_name = _("учётные данные")
        verbose_name_plural = _("учётные данные")
        constraints = [
            models.UniqueConstraint(fields=["portal", "name"], name="credential_name_once_per_portal"),
            models.UniqueConstraint(
                fields=["portal", "uis_account_id"],
                condition=Q(uis_account_id__isnull=False),
                name="credential_account_once_per_portal",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def channel(self) -> str:
        """The inbox channel of this account's notifications."""
        return f"uis:{self.pk}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.uis_time_zone)

    def set_new_secret(self, *, keep_previous_until: datetime | None = None) -> str:
        """Make a new secret for the addresses UIS calls and return it; only its hash is kept.

        The previous secret stays valid until the given moment, so that notifications can be moved one by one.
        """
        secret = secrets.token_urlsafe(32)
        self.previous_hook_secret_hash = self.hook_secret_hash if keep_previous_until else ""
        self.previous_until = keep_previous_until
        self.hook_secret_hash = hash_secret(secret)
        return secret

    def accepts_secret(self, secret: str, *, now: datetime) -> bool:
        """Say whether this secret opens the addresses of this credential; takes equal time either way."""
        given = hash_secret(secret)
        is_current = constant_time_compare(given, self.hook_secret_hash)
        is_previous = constant_time_compare(given, self.previous_hook_secret_hash)
        return is_current or (is_previous and self.previous_until is not None and now < self.previous_until)


def hash_secret(secret: str) -> str:
    """SHA-256 of a 256-bit random secret, in hex: such a secret needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
