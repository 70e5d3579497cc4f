"""Telling people of troubles: the staff and whom a portal has named by mail, its administrators in the portal.

Each message is noted as soon as it is out. A crash in between repeats one; a server that takes no mail, or a portal
that takes no notification, is tried again by the next look of `crm_bitrix.watch`.
"""

import logging
import smtplib
from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from crm_bitrix import payloads
from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from integration import alerts, lanes
from integration.models import Alert, Portal, SettingsTab

log = logging.getLogger(__name__)


def tell() -> None:
    """Tell whatever has to be told now; a task of the queue."""
    now = timezone.now()
    mail(alerts.to_mail(now))
    for alert in alerts.to_notify(now):
        notify(alert)


def mail(due: Iterable[Alert]) -> None:
    """Write to the staff, and to the addresses that a portal has named, of what concerns them."""
    for alert in due:
        try:
            messages = [_message(alert, address, language) for address, language in _addresses(alert)]
            get_connection().send_messages(messages)
        except (OSError, smtplib.SMTPException):
            log.exception("nobody could be written to about %s of %s", alert.code, alert.subject)
            return
        Alert.objects.filter(pk=alert.pk).update(mailed_at=timezone.now())


def _addresses(alert: Alert) -> list[tuple[str, str]]:
    """Who is written to, each in his language."""
    found = {address: settings.LANGUAGE_CODE for _name, address in settings.ADMINS}
    if alert.portal is not None and alert.cause.is_for_portal:
        named = (options.get("emails", ()) for options in _alert_options(alert))
        found |= {address: alert.portal.language for addresses in named for address in addresses}
    return sorted(found.items())


def _message(alert: Alert, address: str, language: str) -> EmailMessage:
    with override(language):
        about = alert.portal.domain if alert.portal else settings.PUBLIC_URL
        about = f"{about}, {alert.credential.name}" if alert.credential else about
        subject = f"[UIS – Bitrix24] {about}: {alert.title if alert.is_open else _('снова работает')}"
        return EmailMessage(subject.replace("\n", " "), _text(alert), settings.DEFAULT_FROM_EMAIL, [address])


def _text(alert: Alert) -> str:
    return alert.sentence() if alert.is_open else alert.farewell()


def notify(alert: Alert) -> None:
    """Tell the connecting administrator, and whom the settings name, in the portal. The tag is one per cause."""
    portal = alert.portal
    if portal is None or not (people := _people(portal, alert)):
        return
    with override(portal.language):
        text = f"UIS{f' ({alert.credential.name})' if alert.credential else ''}. {_text(alert)}"
    tag = f"uis-{alert.code}-{alert.subject}"
    wave = [payloads.notify(user_id, text, tag=tag, key=f"alert:{user_id}") for user_id in people]
    try:
        Client(portal, level=lanes.BULK_LEVEL).batch({one.key: Command(one.method, one.params) for one in wave})
    except PortalError as error:
        log.warning("portal %s could not be told of %s: %s", portal, alert.code, error)
        return
    Alert.objects.filter(pk=alert.pk).update(notified_at=timezone.now())


def _people(portal: Portal, alert: Alert) -> list[int]:
    named = {user_id for options in _alert_options(alert) for user_id in options.get("users", ())}
    return sorted(named | ({portal.token_user_id} if portal.token_user_id else set()))


def _alert_options(alert: Alert) -> list[dict[str, list[object]]]:
    """Whom the settings name: those of the credential concerned, else of all of the portal."""
    tabs = SettingsTab.objects.filter(credential__portal=alert.portal, tab=SettingsTab.Tab.MAIN)
    tabs = tabs.filter(credential=alert.credential) if alert.credential else tabs
    return [tab.options.get("alerts", {}) for tab in tabs.order_by("pk")]
