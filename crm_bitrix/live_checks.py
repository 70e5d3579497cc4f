"""What a live portal is asked, so that docs/verified.md need not be believed. Reads only: nothing in it changes.

The numbers are those of that page. A check that the portal refuses or does not answer stays open, with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from django.utils import timezone

from crm_bitrix import batch, clients, events, scopes
from crm_bitrix.actions import Command, Json, Refusal
from crm_bitrix.client import Client
from crm_bitrix.errors import PortalError
from crm_bitrix.installation import address
from crm_bitrix.payloads import ENTITY_TYPE_ID
from integration.models import Portal
from integration.models.portal import CrmMode
from integration.uis_errors import UisError

CLOCK_SECONDS = 60
"""By how much the clocks may differ: the portal takes a call for the same one within half an hour of its start."""

NO_SUCH_ID = 2**31 - 1

ACTIVITY_CODE = "comment"
"""The icon and the logo of our activities, see `crm_bitrix.payloads`."""


Subject = TypeVar("Subject")
"""What a check asks: a `Probe` of a portal, or a credential."""


class Verdict(StrEnum):
    """How a check ended."""

    HOLDS = "holds"
    DIFFERS = "DIFFERS"
    SEEN = "seen"
    """Told to a person who judges: nothing of ours depends on it."""
    OPEN = "open"


@dataclass(frozen=True)
class Finding:
    """What came of a check, and what of it supports that."""

    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Probe:
    """A portal to ask. `phone` is that of a contact of the portal, "" when none was named."""

    portal: Portal
    client: Client
    phone: str = ""


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One number of docs/verified.md. `meaning`: what follows where it differs."""

    item: str
    title: str
    meaning: str
    ask: Callable[[Subject], Finding]


def run(check: Check[Subject], subject: Subject) -> Finding:
    """Run one check; one that brings no answer stays open."""
    try:
        return check.ask(subject)
    except (PortalError, UisError) as error:
        return Finding(Verdict.OPEN, f"no answer: {error}")


def judged(holds: bool, text: str) -> Finding:
    """A finding of a check that can be judged."""
    return Finding(Verdict.HOLDS if holds else Verdict.DIFFERS, text)


def check_mode(probe: Probe) -> Finding:
    """Whether the portal works with leads, as the last synchronisation read it."""
    code = int(probe.client.call(Command("crm.settings.mode.get")))
    mode = CrmMode.DEALS if code == 2 else CrmMode.LEADS
    return judged(mode == probe.portal.crm_mode, f"mode {code}; known here as {probe.portal.crm_mode!r}")


def check_owner(probe: Probe) -> Finding:
    """Whether the stored token is still an administrator's."""
    profile = probe.client.call(Command("profile"))
    told = f"user {profile['ID']}, administrator: {'yes' if profile.get('ADMIN') is True else 'no'}"
    return judged(profile.get("ADMIN") is True and int(profile["ID"]) == probe.portal.token_user_id, told)


def check_errors(probe: Probe) -> Finding:
    """How the portal refuses a search of an unknown kind."""
    wrong = Command("crm.duplicate.findbycomm", {"type": "NOTHING", "values": ["1"]})
    refusal = probe.client.batch({"find": wrong}).results["find"]
    if isinstance(refusal, Refusal):
        return Finding(Verdict.SEEN, f"code {refusal.code!r}, text {refusal.text!r}")
    return Finding(Verdict.SEEN, "it is not refused at all")


def check_references(probe: Probe) -> Finding:
    """Whether a reference inside a batch stands for the whole list it names."""
    if not probe.phone:
        return Finding(Verdict.OPEN, "not asked: name the phone of a contact with --phone")
    named = dict(clients.search_question([f"phone:{probe.phone}"]).commands)
    commands = {name: batch.prefixed(command, "") for name, command in named.items()}
    results = probe.client.batch(commands).results
    found = _rows_of(results["find0"], "CONTACT")
    listed = [row["id"] for row in _rows_of(results["contacts0"], "items")]
    if not found:
        return Finding(Verdict.OPEN, "not told: no contact of this portal has this phone")
    told = f"the search found {len(found)} contacts, the list that refers to it brought {len(listed)}"
    return judged({int(one) for one in found} == {int(one) for one in listed}, told)


def check_halting(probe: Probe) -> Finding:
    """Whether a reference brings a number, and a batch that halts carries out nothing after a refusal."""
    commands = {
        "me": Command("profile"),
        "same": Command("user.get", {"ID": batch.Reference.to("me", "[ID]")}),
        "wrong": Command("crm.item.get", {"entityTypeId": ENTITY_TYPE_ID["lead"], "id": NO_SUCH_ID}),
        "after": Command("server.time"),
    }
    results = probe.client.batch(commands, halts=True).results
    me, same = results.get("me"), results.get("same")
    if not isinstance(me, Mapping) or not isinstance(results.get("wrong"), Refusal):
        return Finding(Verdict.OPEN, f"not told: {me!r:.100}, {results.get('wrong')!r:.100}")
    is_filled = isinstance(same, list) and [str(row["ID"]) for row in same] == [str(me["ID"])]
    has_halted = "after" not in results
    told = f"the reference is {'' if is_filled else 'not '}filled; the batch {'halts' if has_halted else 'goes on'}"
    return judged(is_filled and has_halted, told)


def _rows_of(result: Json | Refusal, part: str) -> list[Json]:
    return list(result.get(part, ())) if isinstance(result, Mapping) else []


def check_semantics(probe: Probe) -> Finding:
    """Whether leads and deals tell by themselves whether they are closed."""
    asked = {"select": ["id", "stageSemanticId"], "order": {"id": "DESC"}}
    kinds = ("lead", "deal")
    lists = {kind: Command("crm.item.list", {"entityTypeId": ENTITY_TYPE_ID[kind], **asked}) for kind in kinds}
    results = probe.client.batch(lists).results
    rows = [row for kind in kinds for row in _rows_of(results[kind], "items")]
    if not rows:
        return Finding(Verdict.OPEN, "not told: the portal has neither leads nor deals")
    filled = sum(bool(row.get("stageSemanticId")) for row in rows)
    return judged(filled == len(rows), f"filled in {filled} of the newest {len(rows)} leads and deals")


def check_icons(probe: Probe) -> Finding:
    """Whether the portal has the icon and the logo of our activities."""
    asked = {"icons": Command("crm.timeline.icon.list"), "logos": Command("crm.timeline.logo.list")}
    results = probe.client.batch(asked).results
    codes = {part: {row["code"] for row in _rows_of(results[part], part)} for part in asked}
    if not all(codes.values()):
        return Finding(Verdict.OPEN, "; ".join(f"{part}: {results[part]}" for part in asked if not codes[part]))
    lacking = [part for part in asked if ACTIVITY_CODE not in codes[part]]
    return judged(not lacking, f"{ACTIVITY_CODE!r} is {'not among the ' + ', '.join(lacking) if lacking else 'there'}")


def check_scopes(probe: Probe) -> Finding:
    """Whether every right was granted that the application asks for."""
    lacking = scopes.missing(map(str, probe.client.call(Command("scope"))))
    return judged(not lacking, f"not granted: {', '.join(lacking)}" if lacking else "all are granted")


def check_methods(probe: Probe) -> Finding:
    """Whether every method that we call exists there and may be called."""
    methods = [method for group in scopes.SCOPES.values() for method in group]
    answers: dict[str, Json | Refusal] = {}
    for start in range(0, len(methods), batch.LIMIT):
        asked = {name: Command("method.get", {"name": name}) for name in methods[start : start + batch.LIMIT]}
        answers |= probe.client.batch(asked).results
    lacking = [name for name in methods if not _is_available(answers.get(name))]
    return judged(not lacking, f"not available: {', '.join(lacking)}" if lacking else f"all {len(methods)} are there")


def _is_available(answer: Json | Refusal) -> bool:
    return isinstance(answer, Mapping) and answer.get("isAvailable") is True


def check_bindings(probe: Probe) -> Finding:
    """Whether the portal sends us every event that we wait for."""
    rows = probe.client.call(Command("event.get"))
    handler = address("bitrix24-events")
    bound = {str(row.get("event", "")).upper() for row in rows if row.get("handler") == handler}
    lacking = [name for name in events.BOUND if name not in bound]
    told = f"not bound to {handler}: {', '.join(lacking)}" if lacking else f"all {len(events.BOUND)} are bound"
    return judged(not lacking, told)


def check_clock(probe: Probe) -> Finding:
    """Whether the portal's clock and ours agree."""
    theirs = datetime.fromisoformat(str(probe.client.call(Command("server.time"))))
    apart = abs((theirs - timezone.now()).total_seconds())
    return judged(apart <= CLOCK_SECONDS, f"{apart:.0f} s apart")


CHECKS: tuple[Check[Probe], ...] = (
    Check("P5", "mode of the CRM", "synchronise; objects are made for the other mode until then", check_mode),
    Check("P9", "owner of the token", "an administrator has to open the application", check_owner),
    Check("P10", "body of an error", "nothing: the code is shown in the journal as it came", check_errors),
    Check("P11", "references inside a batch", "each new client's call costs one request more", check_references),
    Check("P12", "open and closed objects", "every lead and deal counts as open", check_semantics),
    Check("P13", "icon of our activities", "activities of chats and requests are refused, visibly", check_icons),
    Check("P16", "granted rights", "what needs the right is refused; install the application again", check_scopes),
    Check("P17", "methods", "what needs the method is refused; see the tariff and the rights", check_methods),
    Check("P18", "bound events", "clicks and callbacks do not arrive; open the application once", check_bindings),
    Check("P19", "clocks", "calls may be registered as too old; set the clock of this machine", check_clock),
    Check("P20", "a batch that halts", "cards may open without their lead", check_halting),
)
