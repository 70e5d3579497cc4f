"""What can be asked of a portal and done in it, as plain values. Nothing here talks to anybody.

A decision yields `Question`s and returns a `Plan`; a plan holds `Action`s. What the vendor's methods promise about
repetition stands in one table, `METHODS`.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = Any


@dataclass(frozen=True)
class Command:
    """One call of a method inside a request. `params` are JSON values; None leaves a parameter out."""

    method: str
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """The portal's "no" to one command: its code and text, as it sent them."""

    code: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


class QuestionRefused(Exception):
    """The portal refused a read without which nothing can be decided."""

    def __init__(self, method: str, refusal: Refusal) -> None:
        super().__init__(f"{method}: {refusal}")
        self.method = method
        self.refusal = refusal


@dataclass(frozen=True)
class Question:
    """Reads that must be asked in one request, in this order; a later one may hold a `ResultOf` an earlier one.

    `client_keys` are the keys of the client who is looked for: the objects that we remember for them come with the
    answer, because the portal's search lags behind creation by seconds. Without commands the portal is not asked.
    """

    commands: tuple[tuple[str, Command], ...]
    client_keys: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Equal for equal questions: those are asked once."""
        return repr((self.commands, self.client_keys))

    @property
    def certain(self) -> "Question":
        """The question without the commands that refer to others: those only save a second question."""
        return replace(self, commands=tuple(pair for pair in self.commands if not referred(pair[1].params)))


@dataclass(frozen=True)
class Answer:
    """What the portal said to each command of a question, and the objects that we remember for its client keys."""

    results: Mapping[str, Json | Refusal]
    links: tuple[tuple[str, int], ...] = ()

    def result(self, name: str, default: Json = None) -> Json:
        """The result of this command, or the default where the portal refused it."""
        result = self.results.get(name, default)
        return default if isinstance(result, Refusal) else result

    def require(self, name: str, method: str) -> Json:
        """The result of this command. Raises QuestionRefused where the portal refused it."""
        result = self.results[name]
        if isinstance(result, Refusal):
            raise QuestionRefused(method, result)
        return result


@dataclass(frozen=True)
class ResultOf:
    """Stands in `params` for a part of the result of an earlier action of the same communication."""

    action: str
    part: str = "id"


@dataclass(frozen=True)
class Joined:
    """Stands in `params` for a text that is put together from texts and `ResultOf`s."""

    parts: tuple[str | ResultOf, ...]


@dataclass(frozen=True)
class Action:
    """One change in the portal. `key` names it within its communication: it is done once whatever happens.

    `creates` is the type of the CRM object that it makes ("" = none); `is_optional` marks what must not fail the
    communication when the portal refuses it.
    """

    key: str
    method: str
    params: Mapping[str, Json]
    creates: str = ""
    after: tuple[str, ...] = ()
    is_optional: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The keys of the actions that must be done before this one."""
        return tuple(dict.fromkeys((*self.after, *referred(self.params))))


@dataclass(frozen=True)
class Done:
    """An action that the portal has carried out, with what was sent and what was answered."""

    key: str
    params: Mapping[str, Json]
    result: Mapping[str, Json]


DoneActions = Mapping[str, Done]


@dataclass(frozen=True)
class RecordLink:
    """A recording at UIS that belongs to a call of the portal, once that call is finished there."""

    record_id: str
    link: str
    filename: str


@dataclass(frozen=True)
class DialRequest:
    """A call that UIS is asked to start: at most once for a communication, and not after `until`.

    `method` is the name of a function of `integration.uis_calls`, `params` its keyword arguments.
    """

    method: str
    params: Mapping[str, Json]
    until: datetime


@dataclass(frozen=True)
class Plan:
    """A decision: what is still to be done, and how the communication stands once that is done.

    `learned` are facts that the decision itself settles, such as whom the call was registered for: what is decided once
    stays decided. Their names begin with "crm:". `wake_at` is when to decide again although nothing was told meanwhile.
    `trace` explains the decision, a JSON object per step. `names_strangers`: an employee turned up whom no
    synchronisation has brought.
    """

    state: str
    reason: str = ""
    actions: tuple[Action, ...] = ()
    records: tuple[RecordLink, ...] = ()
    dial: DialRequest | None = None
    learned: Mapping[str, Json] = field(default_factory=dict)
    wake_at: datetime | None = None
    trace: tuple[Mapping[str, Json], ...] = ()
    responsible_id: int | None = None
    crm_object: str = ""
    names_strangers: bool = False


Decision = Generator[Question, Answer, Plan]


def referred(value: Json) -> tuple[str, ...]:
    """The keys of the actions whose results this value waits for, in order of appearance."""
    if isinstance(value, ResultOf):
        return (value.action,)
    if isinstance(value, Joined):
        return referred(value.parts)
    if isinstance(value, Mapping):
        return tuple(key for part in value.values() for key in referred(part))
    if isinstance(value, list | tuple):
        return tuple(key for part in value for key in referred(part))
    return ()


def dump_params(value: Json) -> Json:
    """Params as pure JSON: a reference becomes `{"$": [action, part]}`, a joined text `{"$+": [...]}`.

    No key of the vendor's begins with "$", and a client's text is never a key.
    """
    if isinstance(value, ResultOf):
        return {"$": [value.action, value.part]}
    if isinstance(value, Joined):
        return {"$+": dump_params(value.parts)}
    if isinstance(value, Mapping):
        return {key: dump_params(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [dump_params(part) for part in value]
    return value


def fill_params(value: Json, results: Mapping[str, Mapping[str, Json]]) -> Json:
    """Dumped params with every reference replaced by what it refers to.

    Raises KeyError when the action referred to has no such result.
    """
    if isinstance(value, Mapping):
        if set(value) == {"$"}:
            action, part = value["$"]
            return results[action][part]
        if set(value) == {"$+"}:
            return "".join(str(fill_params(part, results)) for part in value["$+"])
        return {key: fill_params(part, results) for key, part in value.items()}
    if isinstance(value, list):
        return [fill_params(part, results) for part in value]
    return value


class Retry(StrEnum):
    """What to do with an action whose outcome is unknown."""

    REPEAT = "repeat"  # a second time changes nothing
    LOOK_UP = "look up"  # the portal can tell whether it happened
    NEVER = "never"  # better lost than twice: a person decides


@dataclass(frozen=True)
class Method:
    """How a method that changes something behaves: retry rule, shape of its result, refusals that mean "done".

    `keep(result)` reduces the vendor's answer to the parts that later actions may refer to; `paths` tells where in the
    answer those stand that are there whenever the method succeeds. `look_up(params)` is the command that tells whether
    the change happened; `found(params, result)` is the kept result, or None when it did not.
    """

    retry: Retry
    keep: Callable[[Json], Mapping[str, Json]]
    paths: Mapping[str, str] = field(default_factory=dict)
    done_when_refused: tuple[str, ...] = ()
    look_up: Callable[[Mapping[str, Json]], Command] | None = None
    found: Callable[[Mapping[str, Json], Json], Mapping[str, Json] | None] | None = None


def _item(result: Json) -> Mapping[str, Json]:
    return {"id": int(result["item"]["id"])}


def _look_up_item(params: Mapping[str, Json]) -> Command:
    fields = params["fields"]
    return Command(
        "crm.item.list",
        {
            "entityTypeId": params["entityTypeId"],
            "filter": {"originatorId": fields["originatorId"], "originId": fields["originId"]},
            "select": ["id"],
            "order": {"id": "ASC"},
            "start": -1,
        },
    )


def _found_item(_params: Mapping[str, Json], result: Json) -> Mapping[str, Json] | None:
    items = result["items"]
    return {"id": int(items[0]["id"])} if items else None


def _call(result: Json) -> Mapping[str, Json]:
    return {"CALL_ID": str(result["CALL_ID"])}


def _finished(result: Json) -> Mapping[str, Json]:
    return {"CALL_ID": str(result["CALL_ID"]), "CRM_ACTIVITY_ID": int(result.get("CRM_ACTIVITY_ID") or 0)}


def _look_up_finished(params: Mapping[str, Json]) -> Command:
    return Command("voximplant.statistic.get", {"FILTER": {"CALL_ID": params["CALL_ID"]}})


def _found_finished(_params: Mapping[str, Json], result: Json) -> Mapping[str, Json] | None:
    return _finished(result[0]) if result else None


def _transcript(result: Json) -> Mapping[str, Json]:
    return {"TRANSCRIPT_ID": int(result["TRANSCRIPT_ID"])}


def _found_transcript(_params: Mapping[str, Json], result: Json) -> Mapping[str, Json] | None:
    number = int(result[0].get("TRANSCRIPT_ID") or 0) if result else 0
    return {"TRANSCRIPT_ID": number} if number else None


def _activity(result: Json) -> Mapping[str, Json]:
    return {"id": int(result["activity"]["id"])}


def _look_up_activity(params: Mapping[str, Json]) -> Command:
    fields = params["fields"]
    origin = {"ORIGINATOR_ID": fields["originatorId"], "ORIGIN_ID": fields["originId"]}
    return Command("crm.activity.list", {"filter": origin, "select": ["ID"], "order": {"ID": "ASC"}, "start": -1})


def _found_activity(_params: Mapping[str, Json], result: Json) -> Mapping[str, Json] | None:
    return {"id": int(result[0]["ID"])} if result else None


def _comment(result: Json) -> Mapping[str, Json]:
    return {"id": int(result)}


def _look_up_comment(params: Mapping[str, Json]) -> Command:
    """The newest comments of the object."""
    fields = params["fields"]
    owner = {"ENTITY_TYPE": fields["ENTITY_TYPE"], "ENTITY_ID": fields["ENTITY_ID"]}
    return Command("crm.timeline.comment.list", {"filter": owner, "select": ["ID", "COMMENT"], "order": {"ID": "DESC"}})


def _found_comment(params: Mapping[str, Json], result: Json) -> Mapping[str, Json] | None:
    """A comment has no handle of ours: its last line tells which one it is."""
    mark = _last_line(params["fields"]["COMMENT"])
    return next(({"id": int(row["ID"])} for row in result if _last_line(str(row["COMMENT"])) == mark), None)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()


def _value(result: Json) -> Mapping[str, Json]:
    return {"value": result if isinstance(result, str | int | float | bool) else None}


CALL_IS_OVER = "Call is not found"

METHODS: Mapping[str, Method] = {
    "crm.item.add": Method(Retry.LOOK_UP, _item, paths={"id": "[item][id]"}, look_up=_look_up_item, found=_found_item),
    "crm.item.update": Method(Retry.REPEAT, _item),
    "crm.activity.configurable.add": Method(Retry.LOOK_UP, _activity, look_up=_look_up_activity, found=_found_activity),
    "crm.activity.configurable.update": Method(Retry.REPEAT, _activity),
    "crm.timeline.comment.add": Method(Retry.LOOK_UP, _comment, look_up=_look_up_comment, found=_found_comment),
    "crm.activity.binding.add": Method(Retry.REPEAT, _value, done_when_refused=("ACTIVITY_IS_ALREADY_BOUND",)),
    "telephony.externalCall.register": Method(Retry.REPEAT, _call, paths={"CALL_ID": "[CALL_ID]"}),
    "telephony.externalCall.show": Method(Retry.REPEAT, _value),
    "telephony.externalCall.hide": Method(Retry.REPEAT, _value),
    "telephony.externalCall.finish": Method(Retry.LOOK_UP, _finished, look_up=_look_up_finished, found=_found_finished),
    "im.notify.system.add": Method(Retry.REPEAT, _value),
    "crm.timeline.note.save": Method(Retry.REPEAT, _value),
    "telephony.call.attachTranscription": Method(
        Retry.LOOK_UP, _transcript, look_up=_look_up_finished, found=_found_transcript
    ),
    "imopenlines.crm.chat.user.add": Method(Retry.REPEAT, _value, done_when_refused=("WRONG_REQUEST",)),
    "imopenlines.crm.message.add": Method(Retry.NEVER, _value),
    "im.message.add": Method(Retry.NEVER, _value),
}
"""The methods we change a portal with. `register` repeats safely: until `finish` (which needs its answer) the portal
gives the same CALL_ID, and after half an hour a second registration without `finish` leaves no trace in the CRM.
Source: reference of each method, and server behaviour noted in docs/decisions."""
