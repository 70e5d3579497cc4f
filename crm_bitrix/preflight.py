"""What would hurt tomorrow, told today: a default responsible who was dismissed.

Such a call is never lost – the connecting administrator becomes responsible – but somebody has to name a new one.
"""

import logging

from django.utils.translation import gettext as _
from django.utils.translation import override

from crm_bitrix import payloads
from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.models import BitrixItem
from integration import lanes
from integration.models import Portal, Stream

log = logging.getLogger(__name__)


def check_default_responsibles() -> int:
    """Tell the connecting administrator of every portal which streams have lost their default responsible.

    Returns how many streams were told of. A second notification on the same matter replaces the first.
    """
    told = 0
    portals = Portal.objects.filter(hold_reason="", uninstalled_at__isnull=True, token_user_id__isnull=False)
    for portal in portals.iterator():
        streams = without_responsible(portal)
        if streams:
            told += len(streams)
            _tell(portal, streams)
    return told


def without_responsible(portal: Portal) -> list[Stream]:
    """The streams of active tabs whose default responsible is no active employee of the portal any more."""
    users = BitrixItem.objects.filter(portal=portal, kind=BitrixItem.Kind.USER, missing_since__isnull=True)
    active = {int(code) for code, data in users.values_list("code", "data") if data.get("is_active", True)}
    if not active:
        return []  # never synchronised: nothing is known against anybody
    streams = Stream.objects.filter(credential__portal=portal, default_responsible_id__isnull=False)
    return [stream for stream in streams.order_by("pk") if stream.default_responsible_id not in active]


def _tell(portal: Portal, streams: list[Stream]) -> None:
    with override(portal.language):
        names = ", ".join(str(stream.get_kind_display()) for stream in streams)
        text = _(
            "Ответственный по умолчанию уволен: {streams}. Пока новый не назначен в настройках интеграции UIS, "
            "ответственным становитесь вы."
        ).format(streams=names)
    assert portal.token_user_id is not None  # noqa: S101 - the query asks for it
    action = payloads.notify(portal.token_user_id, text, tag="uis-default-responsible", key="preflight")
    try:
        Client(portal, level=lanes.BULK_LEVEL).call(Command(action.method, action.params))
    except PortalError as error:
        log.warning("portal %s could not be told of %s: %s", portal.domain, names, error)
