"""What was said, as comments on the object that shows the communication; and what has been told already. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chats import messages
from chats.case import TOLD, Case
from chats.facts import ChatFacts, Message
from chats.making import Made
from crm_bitrix import payloads
from crm_bitrix.actions import Action


def request_text(case: Case, made: Made, texts: Sequence[str]) -> list[Action]:
    """What a request says, unless its activity says it."""
    if made.has_activity or made.owner is None:
        return []
    language = case.ruleset.language
    parts = messages.split(payloads.plain(text) for text in texts)
    marked = [
        f"{text}\n{messages.mark('request', case.number, turn=0, part=part, parts=len(parts), language=language)}"
        for part, text in enumerate(parts)
    ]
    return _comments(made, "text", marked)


def conversation(case: Case, chat: ChatFacts, made: Made) -> tuple[list[Action], list[Mapping[str, Any]]]:
    """Comments with what was said and not yet carried over; and what has been, in turns: after a reopening another.

    The texts of a turn stay as they were written first, for its comments may be sent in several attempts.
    """
    turns: list[Mapping[str, Any]] = list(case.raw.get(TOLD, ()))
    new = _new_messages(chat, turns)
    if new:
        texts = messages.transcript(
            new,
            number=chat.chat_id,
            turn=len(turns),
            visitor=chat.visitor.name,
            zone=case.ruleset.zone,
            language=case.ruleset.language,
        )
        until = max((message.at for message in new if message.at), default=None)
        ids = [message.id for message in new if message.id]
        turns.append({"messages": texts, "ids": ids, "until": until.isoformat() if until else None})
    said = [
        action
        for number, turn in enumerate(turns)
        for action in _comments(made, f"transcript:{number}", turn["messages"])
    ]
    return said, turns


def _new_messages(chat: ChatFacts, turns: Sequence[Mapping[str, Any]]) -> list[Message]:
    """What was said and is in no turn yet. One without numbers, told by a notification, reaches to its time."""
    told = chat.told_messages if chat.told_messages and not (chat.is_reported and chat.messages) else chat.messages
    ids = {number for turn in turns for number in turn["ids"]}
    reached = [datetime.fromisoformat(turn["until"]) for turn in turns if turn["until"]]
    reached_unnumbered = [datetime.fromisoformat(turn["until"]) for turn in turns if turn["until"] and not turn["ids"]]

    def is_new(message: Message) -> bool:
        if message.id in ids:
            return False
        until = max(reached_unnumbered if message.id else reached, default=None)
        if message.at is None:
            return not turns
        return until is None or message.at > until

    return [message for message in told if is_new(message)]


def _comments(made: Made, name: str, texts: Sequence[str]) -> list[Action]:
    """Comments on the object that shows the communication, each after the one before it."""
    assert made.owner is not None  # noqa: S101 - without one nothing is carried over
    keys = [f"{name}:{part}" for part in range(len(texts))]
    return [
        payloads.add_comment(made.owner, text, key=key, after=tuple(keys[part - 1 : part] if part else ()))
        for part, (key, text) in enumerate(zip(keys, texts, strict=True))
    ]
