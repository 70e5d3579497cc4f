"""Who should get an incoming call: the question of UIS → the phone of the client's owner, or the branch «не найден».

Pure. Whoever asks has 1.5 seconds and a client on the line, so every doubt ends in the branch: the scenario then goes
on as it would without us.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crm_bitrix.owners import Owner
from integration.events import read_notification
from integration.rules.facts import StreamKind
from integration.rules.phones import normalise_phone, phone_digits
from integration.rules.ruleset import NOT_FOUND_CODE, Ruleset

MAX_PHONE = 20

_EXTENSION = re.compile(r"[0-9]{1,7}")


class Reason(StrEnum):
    """Why a question was answered as it was. All but the first mean the branch «не найден»."""

    OWNER = "owner"
    OFF = "off"
    BAD_QUESTION = "bad_question"
    NOT_INCOMING = "not_incoming"
    HIDDEN_NUMBER = "hidden_number"
    UNKNOWN_CLIENT = "unknown_client"
    INACTIVE = "inactive"
    NOT_AT_WORK = "not_at_work"
    NO_PHONE = "no_phone"
    ON_HOLD = "on_hold"
    BUSY = "busy"
    TOKEN = "token"  # noqa: S105 - it is being renewed, and that took too long
    NO_ANSWER = "no_answer"
    ERROR = "error"


@dataclass(frozen=True)
class Answer:
    """What UIS is told: the phones to ring, or without any the code of the branch «не найден»."""

    reason: Reason
    phones: tuple[str, ...] = ()

    @property
    def body(self) -> Mapping[str, Any]:
        """As UIS reads it: an inner number, or digits with the country code."""
        return {"phones": list(self.phones)} if self.phones else {"returned_code": NOT_FOUND_CODE}


@dataclass(frozen=True)
class Asked:
    """A question as it came; texts are "" when the scenario does not send them."""

    number: str
    direction: str = ""

    @property
    def shown_phone(self) -> str:
        """The number for the list of questions when it is none that we understand: digits only."""
        return phone_digits(self.number)[:MAX_PHONE]


def read_question(query: str, body: bytes) -> Asked:
    """Read the query string and the body (form or JSON) of one question. Raises BadPayload.

    Source: https://comagic.github.io/interactive_call_processing/
    """
    told = read_notification(query, body).payload
    return Asked(number=_text(told.get("numa")), direction=_text(told.get("direction")).lower())


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def decline(asked: Asked, ruleset: Ruleset) -> Reason | None:
    """Why nobody need be asked about this call; None when the portal is to be asked."""
    incoming = ruleset.streams[StreamKind.INCOMING]
    if not (incoming.is_active and incoming.personal_manager.is_active):
        return Reason.OFF
    if asked.direction not in ("", "in"):
        return Reason.NOT_INCOMING
    return Reason.HIDDEN_NUMBER if client_phone(asked, ruleset) is None else None


def client_phone(asked: Asked, ruleset: Ruleset) -> str | None:
    """The client's number in E.164; None if it is hidden or no phone number."""
    return normalise_phone(asked.number, ruleset.country)


def choose_answer(owners: Iterable[Owner], ruleset: Ruleset) -> Answer:
    """Choose from the owners of the objects found.

    Objects count in the order of the settings, of one type the newest first. Owners who have left the portal are passed
    over; the first who has not decides: if his working day must be open and is not, or he has no phone, nobody else is
    rung in his place.
    """
    order = ruleset.client_order
    ranked = sorted(
        (owner for owner in owners if owner.object_type in order),
        key=lambda owner: (order.index(owner.object_type), -owner.object_id),
    )
    if not ranked:
        return Answer(Reason.UNKNOWN_CLIENT)
    owner = next((owner for owner in ranked if ruleset.is_active_user(owner.user_id)), None)
    if owner is None:
        return Answer(Reason.INACTIVE)
    if ruleset.streams[StreamKind.INCOMING].personal_manager.is_only_at_work and not owner.is_at_work:
        return Answer(Reason.NOT_AT_WORK)
    phone = _phone_of(owner, ruleset.country)
    return Answer(Reason.OWNER, (phone,)) if phone else Answer(Reason.NO_PHONE)


def _phone_of(owner: Owner, country: str) -> str | None:
    """His extension, else his work phone as UIS writes phones: without the plus."""
    extension = owner.extension.strip()
    if _EXTENSION.fullmatch(extension):
        return extension
    phone = normalise_phone(owner.work_phone, country)
    return phone.removeprefix("+") if phone else None
