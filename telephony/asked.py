"""Calls that the portal asks for – a click on a number, a callback from a form – as facts. Pure.

click, callback     what was asked for; `at` when
dial                what became of our request to UIS: {"state", "instruction", "cause", "due_at"}
told_as             the call session that UIS told of, when it was carried over before the two were known to be one
crm:dial            when the decision asked UIS for the call, and for which employee
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_bitrix.call_requests import CALLBACK, CLICK, CallRequest
from integration.events import BadPayload, RawEvent, text, whole_number
from integration.rules.observations import Observation, Rank

DIALLED = "crm:dial"
ANSWERED, REFUSED, UNKNOWN, STALE, PUT_OFF = "answered", "refused", "unknown", "stale", "put_off"
CLICK_FRESH, CALLBACK_FRESH = timedelta(seconds=60), timedelta(minutes=10)
"""How long after it was asked for a call may be started: who clicked looks at his phone, who left a number waits."""

_DIRECTIONS = {CLICK: "out", CALLBACK: "in"}


@dataclass(frozen=True)
class Asked:
    """A call that the portal asked for; `name` is click or callback, times are in UTC.

    `extension` and `created` are as in `CallRequest`; facts of requests that came before these were read have none.
    `dialled_at` is when the decision asked UIS for it; `answer` what became of that, "" while nothing is known;
    `cause` why UIS has not started it, by its code; `due_at` when UIS was to be asked, or is to be again if put off;
    `session_id` the call session once UIS has told it; `told_as` as in the facts.
    """

    name: str
    at: datetime
    external_id: str
    phone: str
    line: str
    user_id: int | None
    call_id: str
    entity: tuple[str, int] | None
    words: str
    extension: str
    created: tuple[tuple[str, int], ...]
    dialled_at: datetime | None
    answer: str
    instruction: str
    cause: str
    due_at: datetime | None
    session_id: str
    told_as: str

    @property
    def is_click(self) -> bool:
        return self.name == CLICK

    @property
    def fresh_until(self) -> datetime:
        """After this moment UIS is not asked for the call any more."""
        return self.at + (CLICK_FRESH if self.is_click else CALLBACK_FRESH)

    @property
    def asking_at(self) -> datetime | None:
        """When UIS was asked for the call, or is to be asked again: from then on its word is awaited."""
        return max(filter(None, (self.dialled_at, self.due_at)), default=None)


def read_asked(facts: Mapping[str, Any]) -> Asked | None:
    """What the portal asked for; None for a call that began by itself."""
    name = next((name for name in (CLICK, CALLBACK) if name in facts), None)
    if name is None:
        return None
    told, dial, dialled = facts[name], facts.get("dial", {}), facts.get(DIALLED)
    has_entity = told["entity_type"] and told["entity_id"]
    return Asked(
        name=name,
        at=datetime.fromisoformat(told["at"]),
        external_id=told["external_id"],
        phone=told["phone"],
        line=told["line"],
        user_id=told["user_id"],
        call_id=told["call_id"],
        entity=(told["entity_type"], told["entity_id"]) if has_entity else None,
        words=told["words"],
        extension=told.get("extension", ""),
        created=tuple((kind, number) for kind, number in told.get("created", ())),
        dialled_at=datetime.fromisoformat(dialled["at"]) if dialled else None,
        answer=dial.get("state", ""),
        instruction=dial.get("instruction", ""),
        cause=dial.get("cause", ""),
        due_at=datetime.fromisoformat(dial["due_at"]) if dial.get("due_at") else None,
        session_id=facts.get("call_session_id", ""),
        told_as=facts.get("told_as", ""),
    )


def parse_request(request: CallRequest) -> Observation:
    """Read what a portal asks for into the facts of a call that is to be."""
    told = {
        "at": request.at.isoformat(),
        "external_id": request.external_id,
        "phone": request.phone,
        "line": request.line,
        "user_id": request.user_id,
        "call_id": request.call_id,
        "entity_type": request.entity_type,
        "entity_id": request.entity_id,
        "words": request.words,
        "extension": request.extension,
        "created": [list(item) for item in request.created],
    }
    direction = _DIRECTIONS[request.name]
    return Observation(
        kind="call",
        uis_id="",
        external_id=request.external_id,
        rank=Rank.START,
        at=request.at,
        facts={
            request.name: told,
            "external_id": request.external_id,
            "contact_phone_number": request.phone,
            "direction": direction,
            "start_time": request.at.isoformat(),
        },
        direction=direction,
        client_phone=request.phone,
        client_keys=(f"phone:{request.phone}",) if request.phone else (),
    )


def parse_answer(event: RawEvent, *, received_at: datetime) -> Observation:
    """Read what became of our request to UIS: `external_id`, `state`, `due_at`, and `call_session_id` or `instruction`
    and `cause`.

    Raises BadPayload if it names no request.
    """
    external_id, session_id = text(event.payload, "external_id"), whole_number(event.payload, "call_session_id")
    if not external_id:
        raise BadPayload("the answer to a dial names no external_id")
    dial = {name: text(event.payload, name) for name in ("state", "instruction", "cause", "due_at")}
    return Observation(
        kind="call",
        uis_id=str(session_id or ""),
        external_id=external_id,
        rank=Rank.START,
        at=received_at,
        facts={"dial": dial, "call_session_id": str(session_id or "")},
    )


def may_be(asked: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Say whether a call session that UIS tells of may be this request, whose answer has not come yet.

    The number is equal. A callback rings whom UIS chooses, a click only the employee who clicked.
    """
    employee_id = asked.get(DIALLED, {}).get("employee_id")
    employees = {value.get("employee_id") for name, value in told.items() if name.startswith("ring:")}
    is_of_another = bool(employee_id and employees) and employee_id not in employees
    is_open = asked.get("dial", {}).get("state", UNKNOWN) in (UNKNOWN, PUT_OFF)
    return is_open and asked.get("direction") == told.get("direction") and not is_of_another
