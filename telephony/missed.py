"""The message about a missed call in the client's open-line chat. Pure."""

from collections.abc import Generator, Mapping
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, Question
from crm_bitrix.clients import NEW, Client
from integration.rules.facts import Facts
from telephony import messages
from telephony.case import Case

Chat = Mapping[str, Any]
"""{"chat_id", "entity": "deal:5"}: the open-line chat of an object of the client's."""


def find_chat(case: Case, client: Client) -> Generator[Question, Answer, Chat | None]:
    """The active open-line chat that a missed call is told in: of the deal, else lead, contact, company; the newest.

    Asked once per call; somebody who is new has none.
    """
    if "chat" in case.settled:
        chat: Chat | None = case.settled["chat"]
        return chat
    wanted = case.is_missed and case.ruleset.telephony.missed_call_message.is_active and client.state != NEW
    if not wanted:
        return None
    objects = [*client.open_deals[:1], *client.candidates]
    order = ("deal", "lead", "contact", "company")
    codes = [(item.type, item.id) for item in sorted(objects, key=lambda item: order.index(item.type))]
    answer = yield payloads.ask_chats(codes)
    for kind, number in codes:
        chats = answer.result(f"{kind}{number}") or []
        if chats:
            return {"chat_id": max(int(chat["CHAT_ID"]) for chat in chats), "entity": f"{kind}:{number}"}
    return None


def chat_trace(case: Case, chat: Chat | None) -> tuple[Mapping[str, Any], ...]:
    """Whether a missed call found a chat to be told in, for the journal; () where it was not to be told."""
    if not (case.is_missed and case.ruleset.telephony.missed_call_message.is_active):
        return ()
    return ({"step": "chat", "chat_id": chat["chat_id"] if chat else None},)


def chat_actions(case: Case, chat: Chat | None, known: Facts, *, user_id: int) -> list[Action]:
    """Write into the chat: for its operators only, or – where the administrator has chosen so – to the client."""
    if chat is None:
        return []
    message = case.ruleset.telephony.missed_call_message
    text = message.text.render(known, zone=case.ruleset.zone, language=case.ruleset.language)
    text = text or messages.missed_text(case.call.phone, case.ruleset.language)
    kind, _, number = chat["entity"].partition(":")
    return payloads.write_chat(
        chat_id=chat["chat_id"],
        entity=(kind, int(number)),
        user_id=user_id,
        text=text,
        to_client=message.reader == "client",
    )
