"""What the last real events would show to a filter and to a title: their facts at the moment when these are asked.

The facts come from the real decision, which is stopped where it asks its filter; nothing is sent and nothing is saved.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from django.db.models import Q
from django.utils import timezone

from crm_bitrix import rulesets
from integration.models import Communication, Credential
from integration.rules.checks import Check
from integration.rules.facts import Facts, StreamKind
from integration.rules.ruleset import Ruleset
from integration.rules.settings_value import Settings
from settings_ui.rehearsal import LAST, decide_anew, last_with_memories
from settings_ui.rehearsal_memory import Memory, Prompter

_OF: Mapping[StreamKind, Q] = {
    StreamKind.INCOMING: Q(kind="call") & ~Q(direction="out"),
    StreamKind.OUTGOING: Q(kind="call", direction="out"),
    StreamKind.CHAT: Q(kind="chat"),
    StreamKind.REQUEST: Q(kind="request"),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Passing:
    """How many of the last events of a stream a filter lets pass; events that never get to it do not count."""

    passed: int
    total: int


class _Seen(Exception):
    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts


class _Stop:
    """A filter at which the decision ends; it asks for nothing, so nothing is waited for."""

    facts: frozenset[str] = frozenset()

    def __call__(self, facts: Facts) -> NoReturn:
        raise _Seen(facts)


def count_passing(credential: Credential, settings: Settings, kind: StreamKind) -> Passing:
    """Show the last hundred events of a stream to the filter of these settings."""
    ruleset = rulesets.build(credential, settings)
    check: Check | None = ruleset.streams[kind].filter
    facts = [told for _row, told in seen_facts(credential, ruleset, kind)]
    return Passing(sum(check is None or check(told).passed for told in facts), len(facts))


def seen_facts(
    credential: Credential, ruleset: Ruleset, kind: StreamKind, *, last: int = LAST
) -> list[tuple[Communication, Facts]]:
    """The last events of a stream, newest first, with their facts; without those that never get to a filter."""
    rows = last_with_memories(credential, Communication.objects.filter(_OF[kind]), last=last)
    now = timezone.now()
    found = ((row, _facts(row, ruleset, kind, memory, now)) for row, memory in rows)
    return [(row, told) for row, told in found if told is not None]


def _facts(row: Communication, ruleset: Ruleset, kind: StreamKind, memory: Memory, now: datetime) -> Facts | None:
    # Whatever else would keep the event from its filter is of no interest: channels, contacts, the switches.
    rules = replace(ruleset.streams[kind], is_active=True, filter=_Stop(), channels=None, without_contacts=True)  # type: ignore[arg-type]
    try:
        decide_anew(row.kind, row.facts, ruleset, rules=rules, prompter=Prompter(memory), now=now)
    except _Seen as seen:
        return seen.facts
    except Exception:  # as in a rehearsal: facts that break one decision must not take the others along
        log.exception("the facts of an event cannot be told")
    return None
