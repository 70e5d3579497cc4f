"""What a call creates in the CRM. Pure."""

from crm_bitrix import payloads
from crm_bitrix.actions import Action
from crm_bitrix.clients import Client
from crm_bitrix.creation import Mapped, Person, adopt_items, bound_to, create_item, deal_of, made_item, wants_new
from telephony.case import Case

__all__ = ["bound_to", "create_actions", "deal_of", "made_item"]


def create_actions(case: Case, client: Client, *, title: str, responsible_id: int, mapped: Mapped) -> list[Action]:
    """The objects to create, right from birth. `mapped` are their mapped fields."""
    call, ruleset = case.call, case.ruleset
    options = ruleset.create_options(call.stream, call.line_number)
    if case.asked:  # the object is there: the portal asked for the call from it, or has made one for the number
        source_id = options.source_id or ""
        return adopt_items(
            case.asked.created, title=title, responsible_id=responsible_id, mapped=mapped, source_id=source_id
        )
    if not wants_new(options, client):
        return []
    name = str(call.raw.get("contact_full_name") or "")
    return create_item(
        options,
        client,
        Person(name, called=call.phone, contacts=(payloads.phone_field(call.phone),)),
        origin=f"call:{call.session_id}",
        title=title,
        responsible_id=responsible_id,
        mapped=mapped,
        source_description=call.line_number if ruleset.telephony.number_as_source else "",
    )
