"""What a communication creates in the CRM, and what it is bound to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, DoneActions, ResultOf
from crm_bitrix.clients import NEW, REPEAT_OPEN, Client, CrmObject
from crm_bitrix.payloads import Id
from integration.rules.ruleset import CreateFor, CreateOptions

ITEMS = ("lead", "deal")

Mapped = Mapping[str, Mapping[str, Any]]
"""Object → field → value."""


@dataclass(frozen=True)
class Person:
    """The client as he is written into what is made for him.

    `contacts` are rows of multifields as `payloads.phone_field` makes them; `called` is what a contact without a name
    is called.
    """

    name: str = ""
    called: str = ""
    contacts: Sequence[Mapping[str, Any]] = ()


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


def create_item(
    options: CreateOptions,
    client: Client,
    person: Person,
    *,
    origin: str,
    title: str,
    responsible_id: int,
    mapped: Mapped,
    source_description: str = "",
) -> list[Action]:
    """The objects to create, right from birth: a lead, or a deal with its contact. `mapped` are their mapped fields."""
    common: dict[str, Any] = {
        "origin": origin,
        "responsible_id": responsible_id,
        "source_id": options.source_id or "",
        "source_description": source_description,
    }
    item: dict[str, Any] = {"title": title, "stage_id": options.stage_id or "", **common}
    owner = _owner_fields(client.main)
    if options.item == "lead":
        contacts = () if owner else person.contacts
        fields = mapped.get("lead")
        return [payloads.create_item("lead", name=person.name, contacts=contacts, fields=fields, **owner, **item)]
    made = [] if owner else [create_contact(person, mapped=mapped, **common)]
    owner = owner or {"contact_id": ResultOf("contact")}
    deal = payloads.create_item("deal", pipeline_id=options.pipeline_id, fields=mapped.get("deal"), **owner, **item)
    return [*made, deal]


def adopt_items(
    made: Sequence[tuple[str, int]], *, title: str, responsible_id: int, mapped: Mapped, source_id: str
) -> list[Action]:
    """What brings objects that the portal has made for this communication by itself into line, as if we had made them.

    Their keys are those of creation, so that the end corrects them like our own. Their pipeline stays: it is given at
    birth only.
    """
    own = {"title": title, "sourceId": source_id, payloads.RESPONSIBLE: responsible_id}
    return [
        replace(
            payloads.update_item(kind, number, {**_of_kind(kind, own), **mapped.get(kind, {})}, key=kind), creates=kind
        )
        for kind, number in made
    ]


def _of_kind(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A contact is called by its name, not by a title."""
    return {name: value for name, value in fields.items() if kind != "contact" or name != "title"}


def create_contact(person: Person, *, mapped: Mapped, **common: Any) -> Action:
    """The contact of a client who is not in the CRM; `common` are further arguments of `payloads.create_item`."""
    name = person.name or person.called
    return payloads.create_item("contact", name=name, contacts=person.contacts, fields=mapped.get("contact"), **common)


def _owner_fields(main: CrmObject | None) -> dict[str, Any]:
    """A known contact or company as the client of a new lead or deal."""
    if main is None or main.type not in ("contact", "company"):
        return {}
    return {f"{main.type}_id": main.id}


def bound_to(client: Client, created: Sequence[Action], done: DoneActions) -> tuple[str, Id] | None:
    """The contact, company or lead of a communication: what it makes, else who was found."""
    made = {action.creates for action in created} | (done.keys() & {"lead", "contact"})
    for kind in ("lead", "contact"):
        if kind in made:
            return kind, ResultOf(kind)
    return (client.main.type, client.main.id) if client.main else None


def deal_of(client: Client, created: Sequence[Action], done: DoneActions) -> Id | None:
    """The deal of a communication: the new one, else the client's open one changed last."""
    if "deal" in done or any(action.creates == "deal" for action in created):
        return ResultOf("deal")
    is_on_lead = client.main is not None and client.main.type == "lead"
    return client.open_deals[0].id if client.open_deals and not is_on_lead else None


def made_item(created: Sequence[Action], done: DoneActions) -> str | None:
    """lead or deal, if the communication makes or has made one."""
    made = {action.creates for action in created} | done.keys()
    return next((item for item in ITEMS if item in made), None)
