"""What a chat or a request makes in the CRM, and what it is shown on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chats import messages
from chats.case import Case
from crm_bitrix import payloads
from crm_bitrix.actions import Action, DoneActions, ResultOf
from crm_bitrix.clients import NEW, Client
from crm_bitrix.corrections import map_new
from crm_bitrix.creation import bound_to, create_contact, create_item, deal_of, made_item, wants_new
from crm_bitrix.notices import object_notice
from crm_bitrix.payloads import Id
from integration.rules.facts import Facts
from integration.rules.ruleset import CreateFor, CreateWhat


@dataclass(frozen=True)
class Made:
    """What is to be made: objects, what hangs on them, and `late`, what has time until the communication is over.

    `owner` is the object that shows the communication. `refusal` says why nothing is made nor shown.
    """

    created: tuple[Action, ...] = ()
    owner: tuple[str, Id] | None = None
    hung: tuple[Action, ...] = ()
    late: tuple[Action, ...] = ()
    reason: str = ""
    refusal: str = ""
    warnings: tuple[Mapping[str, Any], ...] = ()

    @property
    def has_activity(self) -> bool:
        return any(action.key == "activity" for action in self.hung)


def make(case: Case, client: Client, known: Facts, *, title: str, responsible_id: int, texts: Sequence[str]) -> Made:
    """Say what this client gets: an item or not, an activity or not, and a notification of what was made.

    An activity is made where one is asked for, and where a known client gets nothing else.
    """
    options = case.ruleset.create_options(case.stream)
    makes = wants_new(options, client)
    if client.state == NEW and not makes:
        return Made(refusal="новый клиент: по настройкам для него ничего не создаётся")
    mapped = map_new(case.ruleset, case.rules, known, at_end=case.is_over)
    created: list[Action] = []
    if makes and options.what is not CreateWhat.ACTIVITY:
        created = create_item(
            options,
            client,
            case.person,
            origin=case.origin,
            title=title,
            responsible_id=responsible_id,
            mapped=mapped.values,
        )
    elif makes and client.main is None:
        common: dict[str, Any] = {"origin": case.origin, "responsible_id": responsible_id}
        created = [create_contact(case.person, mapped=mapped.values, source_id=options.source_id or "", **common)]
    owner = _owner(case, client, created)
    if owner is None:
        return Made(refusal="у клиента нет объекта, на котором это можно показать")
    at_hand = _at_hand(owner, created, case.done)
    hung, late = [], []
    if options.for_ is not CreateFor.NONE and (options.what is not CreateWhat.ITEM or not created):
        hung.append(
            payloads.add_activity(at_hand, origin=case.origin, title=title, texts=texts, responsible_id=responsible_id)
        )
        if at_hand != owner:
            late.append(payloads.bind_activity(*owner, activity_id=ResultOf("activity"), key="bind"))
    notices = _notices(case, at_hand, responsible_id) if created or hung else []
    return Made(tuple(created), owner, (*hung, *notices), tuple(late), _reason(created, hung), warnings=mapped.warnings)


def _at_hand(owner: tuple[str, Id], created: Sequence[Action], done: DoneActions) -> tuple[str, Id]:
    """Where the activity is made and the notification leads to: the owner, or the contact made before the deal.

    What needs the number of a new deal would cost a request after it; the contact has its number already, and the
    timeline of both shows the activity once it is bound to the deal too, in the request that brings the conversation.
    """
    makes = {action.creates for action in created} | done.keys()
    return ("contact", ResultOf("contact")) if {"deal", "contact"} <= makes else owner


def _owner(case: Case, client: Client, created: Sequence[Action]) -> tuple[str, Id] | None:
    """The object that shows the communication: the new one, else the open deal, else the client himself."""
    item = made_item(created, case.done)
    if item:
        return item, ResultOf(item)
    deal = deal_of(client, created, case.done)
    return ("deal", deal) if deal is not None else bound_to(client, created, case.done)


def _notices(case: Case, owner: tuple[str, Id], responsible_id: int) -> list[Action]:
    if not case.rules.notify:
        return []
    language = case.ruleset.language
    code = "missed_chat" if case.is_missed else f"created_{case.stream}"
    person = case.person
    head = f"{messages.word(code, language)}: {payloads.plain(person.name or person.called)}"
    message = object_notice(head, language=language, item=owner)
    return [payloads.notify(responsible_id, message, tag=f"uis-{case.stream}-{case.number}", key="notify")]


_REASONS = {"lead": "создан лид", "deal": "создана сделка", "contact": "создан контакт с делом"}


def _reason(created: Sequence[Action], hung: Sequence[Action]) -> str:
    if created:
        return _REASONS[created[-1].creates]
    return "создано дело у найденного клиента" if hung else "передан на найденного клиента"
