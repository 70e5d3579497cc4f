"""What a plan for a chat or a request holds besides changes in the portal: who the client is."""

from chats.case import MET
from crm_bitrix.actions import Plan
from integration.models import ClientLink, Communication


def keep(communication: Communication, plan: Plan) -> None:
    """Remember the objects of the client under everything he is known by: what he tells later leads to them too."""
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
