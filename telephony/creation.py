"""What a call creates in the CRM, and what it is bound to. Pure."""

from collections.abc import Mapping
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, DoneActions, ResultOf
from crm_bitrix.clients import NEW, REPEAT_OPEN, Client, CrmObject
from crm_bitrix.payloads import Id
from integration.rules.ruleset import CreateFor, CreateOptions, Ruleset
from telephony.facts import CallFacts

ITEMS = ("lead", "deal")

Mapped = Mapping[str, Mapping[str, Any]]
"""Object → field → value."""


def wants_new(options: CreateOptions, client: Client) -> bool:
    """Say whether something is to be created for this client.

    new: unless only repeated ones are wanted. repeat, open: only if a second open one is allowed.
    repeat, closed: if repeated ones are wanted.
    """
    if client.state == NEW:
        return options.for_ in (CreateFor.NEW, CreateFor.BOTH)
    if client.state == REPEAT_OPEN and not options.second_open:
        return False
    return options.for_ in (CreateFor.REPEAT, CreateFor.BOTH)


def create_actions(
    call: CallFacts, ruleset: Ruleset, client: Client, *, title: str, responsible_id: int, mapped: Mapped
) -> list[Action]:
    """The objects to create, right from birth: a lead, or a deal with its contact. `mapped` are their mapped fields."""
    options = ruleset.create_options(call.stream, call.line_number)
    if not wants_new(options, client):
        return []
    common: dict[str, Any] = {
        "origin": f"call:{call.session_id}",
        "responsible_id": responsible_id,
        "source_id": options.source_id or "",
        "source_description": call.line_number if ruleset.telephony.number_as_source else "",
    }
    item: dict[str, Any] = {"title": title, "stage_id": options.stage_id or "", **common}
    name = str(call.raw.get("contact_full_name") or "")
    owner = _owner_fields(client.main)
    if options.item == "lead":
        phone = "" if owner else call.phone
        return [payloads.create_item("lead", name=name, phone=phone, fields=mapped.get("lead"), **owner, **item)]
    contacts = []
    if not owner:
        contacts = [
            payloads.create_item(
                "contact", name=name or call.phone, phone=call.phone, fields=mapped.get("contact"), **common
            )
        ]
        owner = {"contact_id": ResultOf("contact")}
    deal = payloads.create_item("deal", pipeline_id=options.pipeline_id, fields=mapped.get("deal"), **owner, **item)
    return [*contacts, deal]


def _owner_fields(main: CrmObject | None) -> dict[str, Any]:
    """A known contact or company as the client of a new lead or deal."""
    if main is None or main.type not in ("contact", "company"):
        return {}
    return {f"{main.type}_id": main.id}


def bound_to(client: Client, created: list[Action], done: DoneActions) -> tuple[str, Id] | None:
    """The contact, company or lead that the call is registered on: what this call makes, else who was found."""
    made = {action.creates for action in created} | (done.keys() & {"lead", "contact"})
    for kind in ("lead", "contact"):
        if kind in made:
            return kind, ResultOf(kind)
    return (client.main.type, client.main.id) if client.main else None


def deal_of(client: Client, created: list[Action], done: DoneActions) -> Id | None:
    """The deal whose timeline shows the call too: the new one, else the client's open one changed last."""
    if "deal" in done or any(action.creates == "deal" for action in created):
        return ResultOf("deal")
    is_on_lead = client.main is not None and client.main.type == "lead"
    return client.open_deals[0].id if client.open_deals and not is_on_lead else None


def made_item(created: list[Action], done: DoneActions) -> str | None:
    """lead or deal, if this call makes or has made one."""
    made = {action.creates for action in created} | done.keys()
    return next((item for item in ITEMS if item in made), None)
