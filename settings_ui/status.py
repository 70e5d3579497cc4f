"""The header of every tab: how Bitrix24, UIS and its notifications stand, each with the time of its last word."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm_bitrix.models import RequestLog
from integration.alerts import open_alerts
from integration.models import Alert, Credential, Portal, ReportCursor
from integration.notifications import last_received

UIS_CODES = frozenset({"uis_key", "uis_account", "uis_ip", "uis_points", "uis_away", "uis_refused"})
PORTAL_CODES = frozenset({"portal_away", "queue_late"})
SILENCE = "no_notifications"


@dataclass(frozen=True)
class Chip:
    """One state: its look (good, bad, off), its words, and when there was last a sign of it."""

    look: str
    text: Any
    at: str = ""


def header_of(portal: Portal, credential: Credential | None) -> dict[str, Any]:
    """The chips and the open troubles of a portal, as the header shows them."""
    alerts = open_alerts(portal)
    mine = [alert for alert in alerts if alert.credential_id in (None, credential.pk if credential else None)]
    now = timezone.localtime(timezone.now(), portal.zone)
    return {"alerts": alerts, "chips": (_portal(portal, mine, now), *_uis(credential, mine, now))}


def _portal(portal: Portal, alerts: list[Alert], now: datetime) -> Chip:
    last = RequestLog.objects.filter(portal=portal).order_by("-at").values_list("at", flat=True).first()
    if portal.hold_reason:
        return Chip("bad", _("Битрикс24: остановлено"), moment(portal.hold_since, now))
    if any(alert.code in PORTAL_CODES for alert in alerts):
        return Chip("bad", _("Битрикс24: не успевает или не отвечает"), moment(last, now))
    return Chip("good", _("Битрикс24: подключён"), moment(last, now))


def _uis(credential: Credential | None, alerts: list[Alert], now: datetime) -> tuple[Chip, Chip]:
    if credential is None or not credential.uis_key:
        return Chip("off", _("UIS: не подключён")), Chip("off", _("События: ещё не приходили"))
    polled = ReportCursor.objects.filter(credential=credential, read_at__isnull=False).order_by("-read_at")
    last = polled.values_list("read_at", flat=True).first()
    is_bad = any(alert.code in UIS_CODES for alert in alerts)
    account = Chip("bad", _("UIS: не работает")) if is_bad else Chip("good", _("UIS: подключён"), moment(last, now))
    return account, _events(last_received(credential), alerts, now)


def _events(received: Mapping[str, datetime], alerts: list[Alert], now: datetime) -> Chip:
    last = max(received.values(), default=None)
    if any(alert.code == SILENCE for alert in alerts):
        return Chip("bad", _("События: не приходят"), moment(last, now))
    return (
        Chip("good", _("События: приходят"), moment(last, now)) if last else Chip("off", _("События: ещё не приходили"))
    )


def moment(at: datetime | None, now: datetime) -> str:
    """A moment in the zone of `now`: the time of today, else the day too; "" for none."""
    if at is None:
        return ""
    local = at.astimezone(now.tzinfo)
    return local.strftime("%H:%M" if local.date() == now.date() else "%d.%m %H:%M")
