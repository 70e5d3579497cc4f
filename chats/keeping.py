"""What plans for chats and requests hold besides changes in the portal: who the clients are."""

from collections.abc import Sequence

from chats.case import MET
from crm_bitrix.actions import Plan
from integration.models import ClientLink, Communication


def keep(planned: Sequence[tuple[Communication, Plan]]) -> None:
    """Remember the objects of clients under everything they are known by: what they tell later leads to them too."""
    for communication, plan in planned:
        _remember(communication, plan)


def _remember(communication: Communication, plan: Plan) -> None:
    keys = communication.client_keys
    wanted = {(key, *code.split(":")) for code in plan.learned.get(MET, ()) for key in keys}
    if not wanted:
        return
    links = ClientLink.objects.filter(portal=communication.portal, key__in=keys)
    known = {(key, kind, str(number)) for key, kind, number in links.values_list("key", "object_type", "object_id")}
    for key, kind, number in sorted(wanted - known):
        ClientLink.objects.update_or_create(
            portal=communication.portal, key=key, object_type=kind, defaults={"object_id": int(number)}
        )
