"""What a crash test has proved or refuted: the contents of the portal against what was told.

The portal is the truth. The journal of the service is asked only why something is not there, and whether what it calls
done is there indeed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.sandbox import Sandbox
from tests.sandbox.records import CommandRecord
from tests.sandbox.stories import Story
from tests.sandbox.story_scripts import CALLS

TYPES = {1: "lead", 2: "deal", 3: "contact", 4: "company"}
ORDER = {
    "crm.item.add": 0,
    "telephony.externalCall.register": 1,
    "crm.activity.configurable.add": 1,
    "telephony.externalCall.finish": 2,
    "telephony.externalCall.attachRecord": 3,
}
"""Within one conversation nothing of a lower number comes after something of a higher one."""


@dataclass(frozen=True)
class Verdict:
    """What was found, one line each. Only `undelivered` may hold something: each with the reason the journal gives."""

    lost: tuple[str, ...]
    duplicates: tuple[str, ...]
    disorder: tuple[str, ...]
    unfinished: tuple[str, ...]
    undelivered: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicates or self.disorder or self.unfinished)


def judge(sandbox: Sandbox, stories: Sequence[Story], clicks: Iterable[str], *, callbacks: int = 0) -> Verdict:
    """Compare the portal with what was told. `clicks` are the CALL_IDs whose event the service has taken,
    `callbacks` how many requests for a callback it has taken.

    A click may fail: whoever clicked is told why at once, and clicks again.
    """
    lost, undelivered = [], []
    for name, communication in [*_of_stories(stories), *_of_clicks(clicks), *_of_callbacks(callbacks)]:
        if communication is None:
            lost.append(f"{name}: unknown to the service")
        elif communication.state == "failed" and not communication.external_id:
            lost.append(f"{name}: failed, {communication.reason}")
        elif communication.state != "done":
            undelivered.append(f"{communication.kind} {communication.state}: {communication.reason}")
        else:
            lost += [f"{name}: {missing}" for missing in _missing(sandbox, communication)]
    return Verdict(
        tuple(lost),
        tuple(_duplicates(sandbox)),
        tuple(_disorder(sandbox)),
        tuple(unfinished()),
        tuple(undelivered),
    )


def unfinished() -> list[str]:
    """What is not at rest yet."""
    from crm_bitrix.models import CrmAction
    from integration.models import Communication, InboxEvent
    from telephony.models import Dial, Record

    waiting = {
        "events unread": InboxEvent.objects.filter(folded_at__isnull=True),
        "communications due": Communication.objects.filter(due_at__isnull=False),
        "actions with unknown outcome": CrmAction.objects.filter(state=CrmAction.State.SENT),
        "recordings to transfer": Record.objects.filter(due_at__isnull=False),
        "calls to start": Dial.objects.filter(state=Dial.State.PLANNED),
    }
    counts = {name: rows.count() for name, rows in waiting.items()}
    return [f"{name}: {count}" for name, count in counts.items() if count]


# --- nothing lost


def _of_stories(stories: Sequence[Story]) -> Iterator[tuple[str, Any]]:
    from integration.models import Communication

    known = {(one.kind, one.uis_id): one for one in Communication.objects.exclude(uis_id="")}
    for story in stories:
        kind = "call" if story.kind in CALLS else "request" if story.kind == "offline_request" else "chat"
        yield f"{story.kind} {story.id}", known.get((kind, story.id))


def _of_clicks(clicks: Iterable[str]) -> Iterator[tuple[str, Any]]:
    from integration.models import Communication

    asked = Communication.objects.exclude(external_id="")
    known = {one.facts["click"]["call_id"]: one for one in asked if "click" in one.facts}
    for call_id in clicks:
        yield f"click {call_id}", known.get(call_id)


def _of_callbacks(taken: int) -> Iterator[tuple[str, Any]]:
    """One form looks like another: that there is one communication for each that was taken."""
    from integration.models import Communication

    known = [one for one in Communication.objects.exclude(external_id="") if "callback" in one.facts]
    yield from ((f"callback {one.external_id}", one) for one in known)
    yield from (("callback", None) for _ in range(taken - len(known)))


def _missing(sandbox: Sandbox, communication: Any) -> Iterator[str]:
    """What the journal calls done and the portal does not have; a call without an end in the portal."""
    portal, done = sandbox.portal, {action.key: action for action in communication.actions.filter(state="done")}
    items = {name: portal.crm.items[number] for number, name in TYPES.items()}
    for action in done.values():
        if action.creates and action.result["id"] not in items[action.creates]:
            yield f"{action.creates} {action.result['id']} is not in the portal"
        if action.key == "activity" and action.result["id"] not in portal.crm.activities:
            yield f"activity {action.result['id']} is not in the portal"
    if communication.kind == "call":
        finish = done.get("finish")
        if finish is None or finish.result["CALL_ID"] not in portal.telephony.statistics:
            yield "done without an end of the call in the portal"
    elif not done:
        yield "done without anything in the portal"
    for record in communication.records.exclude(state="done"):
        yield f"recording {record.state}: {record.error}"


# --- nothing twice


def _duplicates(sandbox: Sandbox) -> Iterator[str]:
    portal = sandbox.portal
    ours = [(TYPES[number], item) for number, rows in portal.crm.items.items() for item in rows.values()]
    ours = [(name, item) for name, item in ours if item.get("originId")]
    yield from _twice("entity", [(name, item["originId"]) for name, item in ours])
    for line in _twice("client", [key for name, item in ours for key in _client_keys(name, item)]):
        yield "\n          ".join([line, *_how_it_came(ours, phone=line.split("'")[3])])
    calls = portal.telephony.statistics.values()
    yield from _twice("call", [row["EXTERNAL_CALL_ID"] for row in calls if row["EXTERNAL_CALL_ID"]])
    activities = portal.crm.activities.values()
    yield from _twice("activity", [row["ORIGIN_ID"] for row in activities if row["ORIGIN_ID"]])
    yield from _twice("comment", [_mark(row) for row in _comments(sandbox)])
    yield from _twice("message", [(row["tag"], row["user_id"]) for row in portal.notifications if row["tag"]])
    yield from _twice("dial", [dial["external_id"] for dial in sandbox.uis.dials.values()])


def _how_it_came(ours: list[tuple[str, dict[str, Any]]], *, phone: str) -> Iterator[str]:
    """The steps that led to each of the objects of one client: what a duplicate is understood by."""
    from crm_bitrix.models import CrmAction

    for name, item in ours:
        if any(row["value"] == phone for row in item.get("fm") or []):
            made = CrmAction.objects.filter(method="crm.item.add", result__id=item["id"], creates=name).first()
            steps = made and f"{made.communication} sent {made.sent_at}, done {made.done_at}"
            yield f"{name} {item['id']} of {item['originId']} at {item['createdTime']}: {steps}"


def _client_keys(name: str, item: dict[str, Any]) -> list[tuple[str, str]]:
    if name == "deal":
        return []
    return [(name, row["value"]) for row in item.get("fm") or [] if row["typeId"] == "PHONE"]


def _conversation(command: CommandRecord) -> str:
    """What a command is a part of, as the portal knows it: the call, or the origin of what was made for a chat."""
    answer = command.answer if isinstance(command.answer, dict) else {}
    fields = command.params.get("fields")
    origin = fields.get("originId") if isinstance(fields, dict) else None
    return str(command.params.get("CALL_ID") or answer.get("CALL_ID") or origin or "")


def _comments(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Our own, in the order in which they were written: their last line tells of which conversation they are."""
    rows = sandbox.portal.crm.timeline
    return [rows[number] for number in sorted(rows) if "№" in _mark(rows[number])]


def _mark(comment: dict[str, Any]) -> str:
    return str(comment["text"]).strip().rpartition("\n")[2]


def _twice(what: str, keys: Iterable[Any]) -> Iterator[str]:
    yield from (f"{what} {key}: {count} times" for key, count in Counter(keys).items() if count > 1)


# --- in order


def _disorder(sandbox: Sandbox) -> Iterator[str]:
    highest: dict[str, int] = defaultdict(int)
    finished: dict[str, float] = {}
    for command in sandbox.portal.commands(ok=True):
        conversation, rank = _conversation(command), ORDER.get(command.method)
        if command.method == "telephony.externalCall.finish":
            finished.setdefault(str(command.params["CALL_ID"]), command.at)
        if conversation and rank is not None:
            if rank < highest[conversation]:
                yield f"{conversation}: {command.method} came late"
            highest[conversation] = max(rank, highest[conversation])
    parts: dict[str, tuple[int, int]] = {}
    for comment in _comments(sandbox):
        number, *turn_and_part = re.findall(r"\d+(?:/\d+)?", _mark(comment))
        turn = next((int(one) for one in turn_and_part if "/" not in one), 0)
        part = next((int(one.split("/")[0]) for one in turn_and_part if "/" in one), 1)
        if (turn, part) < parts.get(number, (0, 0)):
            yield f"chat {number}: part {part} of turn {turn} came late"
        parts[number] = (turn, part)
    for at, what, call_id, user_id in sandbox.portal.telephony.card_log:
        if what == "show" and at > finished.get(call_id, at):
            yield f"{call_id}: the card of user {user_id} was shown after the end"
    for call_id, user_id in sandbox.portal.telephony.cards:
        found = f"{call_id}: the card of user {user_id} stays open"
        yield "\n          ".join([found, *_how_it_went(sandbox, call_id)])


def _how_it_went(sandbox: Sandbox, call_id: str) -> Iterator[str]:
    """What the portal and the journal know of a call: what an open card is understood by."""
    from integration.models import Communication

    for at, what, shown_id, user_id in sandbox.portal.telephony.card_log:
        if shown_id == call_id:
            yield f"portal: {what} to user {user_id} at {at}"
    for one in Communication.objects.filter(kind="call").prefetch_related("actions"):
        if call_id not in str((one.facts, [action.result for action in one.actions.all()])):
            continue
        yield f"{one}: {one.state}, {one.reason}, of {one.external_id or one.uis_id}, {one.facts}"
        yield from (f"step: {step}" for step in one.trace)
        yield from (f"event: {event.source} {event.received_at}" for event in one.events.order_by("id"))
        yield from (f"action: {done.key} {done.state} {done.sent_at}" for done in one.actions.order_by("id"))
