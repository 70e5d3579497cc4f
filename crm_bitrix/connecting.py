"""Joining a UIS account to a portal: the key is tried first, then everything is made at once or nothing at all.

The command, the installer's checklist and the demonstration all come through here.
"""

from dataclasses import replace

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crm_bitrix.known import load_known
from integration import notifications, uis_methods
from integration.models import Brand, Credential, Lane, Portal
from integration.notifications import Addresses
from integration.rules.settings_value import Settings, default_settings
from integration.settings_document import AuthorKind, save_settings
from integration.uis import Uis
from integration.uis_errors import UisError
from integration.uis_methods import Account


class ConnectRefused(Exception):
    """Nothing was joined. The text tells the administrator what to do."""


def find_portal(address: str) -> Portal | None:
    """The portal on which the application is installed at this address, typed in any usual way."""
    domain = address.strip().lower().removeprefix("https://").removeprefix("http://").partition("/")[0]
    portals = Portal.objects.filter(domain__iexact=domain, uninstalled_at__isnull=True)
    return portals.order_by("-pk").first() if domain else None


def make_portal_lanes(portal: Portal) -> None:
    """See to it that the lanes of a portal exist."""
    for name in (portal.live_lane, portal.bulk_lane):
        Lane.objects.get_or_create(name=name)


def make_credential(portal: Portal, *, name: str, brand: str, key: str) -> tuple[Credential, Addresses]:
    """Join a UIS account to a portal by its key: credential, default settings, secret.

    The tabs are not active yet; the default responsible of every stream is the portal's connecting administrator, so
    that switching them on is all that is left to do. The addresses hold the secret: show them once. Raises
    ConnectRefused for a name or an account that is there already and for a key that UIS does not take.
    """
    name = name.strip()
    _refuse_name(portal, name)
    account = try_key(brand=brand, key=key)
    _refuse_account(portal, account, besides=None)
    try:
        with transaction.atomic():
            credential = Credential(portal=portal, name=name)
            _fill(credential, account, brand=brand, key=key)
            secret = credential.set_new_secret()
            credential.save()
            give_defaults(credential)
            make_portal_lanes(portal)
            Lane.objects.get_or_create(name=f"uis:{credential.pk}")
    except IntegrityError as error:
        _refuse_name(portal, name)
        _refuse_account(portal, account, besides=None)
        raise ConnectRefused(_("Не удалось сохранить учётные данные. Попробуйте ещё раз.")) from error
    return credential, notifications.addresses(credential, secret)


def make_empty_credential(portal: Portal, *, name: str) -> Credential:
    """A credential that waits for its UIS key, as the installer makes it; `give_key` completes it.

    Raises ConnectRefused when the name is taken.
    """
    _refuse_name(portal, name)
    with transaction.atomic():
        credential = Credential.objects.create(portal=portal, name=name)
        give_defaults(credential)
        make_portal_lanes(portal)
        Lane.objects.get_or_create(name=f"uis:{credential.pk}")
    return credential


def give_key(credential: Credential, *, brand: str, key: str) -> Account:
    """Try a key and, if UIS takes it, make it the key of the credential.

    Raises ConnectRefused for a key that UIS does not take, for an account that another credential of the portal has,
    and for a key of another account than before: that would mix two journals.
    """
    account = try_key(brand=brand, key=key)
    if credential.uis_account_id not in (None, account.app_id):
        raise ConnectRefused(
            _("Это ключ другого аккаунта UIS: {name}. Чтобы подключить его, добавьте новые учётные данные.").format(
                name=account.name
            )
        )
    _refuse_account(credential.portal, account, besides=credential)
    _fill(credential, account, brand=brand, key=key)
    try:
        credential.save(update_fields=["brand", "uis_key", "uis_account_id", "uis_time_zone"])
    except IntegrityError:
        _refuse_account(credential.portal, account, besides=credential)
        raise
    return account


def try_key(*, brand: str, key: str) -> Account:
    """Ask UIS whose key this is. Raises ConnectRefused with the instruction of the table of UIS's errors."""
    if brand not in Brand.values:
        raise ConnectRefused(
            _("Бренд {brand} неизвестен. Возможны: {known}.").format(brand=brand, known=", ".join(Brand.values))
        )
    if not key.strip():
        raise ConnectRefused(_("Ключ API не указан. Создайте его в личном кабинете UIS и вставьте целиком."))
    try:
        return uis_methods.account(Uis(brand=brand, key=key.strip()))
    except UisError as error:
        raise ConnectRefused(str(error.instruction)) from error


def give_defaults(credential: Credential) -> None:
    """Give a new credential its first settings: the defaults, with the connecting administrator as responsible."""
    save_settings(
        credential,
        first_settings(credential.portal),
        known=load_known(credential),
        author_kind=AuthorKind.SYSTEM,
        author="",
        note=_("Подключение"),
    )


def first_settings(portal: Portal | None) -> Settings:
    """The settings a credential begins with."""
    settings = default_settings()
    user_id = portal.token_user_id if portal else None
    streams = {kind: replace(stream, default_responsible_id=user_id) for kind, stream in settings.streams.items()}
    return replace(settings, streams=streams)


def _fill(credential: Credential, account: Account, *, brand: str, key: str) -> None:
    credential.brand, credential.uis_key = brand, key.strip()
    credential.uis_account_id = account.app_id
    if account.zone_name:
        credential.uis_time_zone = account.zone_name


def _refuse_name(portal: Portal, name: str) -> None:
    limit = Credential._meta.get_field("name").max_length
    if not name or len(name) > limit:
        raise ConnectRefused(_("Название учётных данных: от 1 до {limit} знаков.").format(limit=limit))
    if Credential.objects.filter(portal=portal, name=name).exists():
        raise ConnectRefused(
            _("Учётные данные «{name}» на портале {portal} уже есть. Дайте другое название.").format(
                name=name, portal=portal.domain
            )
        )


def _refuse_account(portal: Portal | None, account: Account, *, besides: Credential | None) -> None:
    others = Credential.objects.filter(portal=portal, uis_account_id=account.app_id)
    other = others.exclude(pk=besides.pk if besides else None).first() if portal else None
    if other:
        raise ConnectRefused(
            _(
                "Аккаунт UIS {account} ({name}) уже подключён к порталу {portal}: учётные данные «{other}». "
                "Откройте их или возьмите ключ другого аккаунта."
            ).format(
                account=account.app_id, name=account.name, portal=portal.domain if portal else "", other=other.name
            )
        )
