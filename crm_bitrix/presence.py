"""Whose working day is open in the portal. Pure.

Asked only where a rule spreads among those who are at work, and once per communication: who goes home between the
ring and the end keeps the call. Source: https://apidocs.bitrix24.com/api-reference/timeman/base/timeman-status.html
"""

from collections.abc import Generator, Mapping
from typing import Any

from crm_bitrix.actions import Answer, Command, Json, Question
from integration.rules.responsible import AssignTo
from integration.rules.ruleset import Ruleset, StreamRules

AT_WORK = "crm:at_work"
"""The fact that keeps who was at work when it was asked."""

SCOPE = "timeman"
"""The right without which the portal tells nothing: everybody counts as being at work."""

# Time tracking that is switched off for a person, or for the portal, says nothing: he counts as being at work.
_AT_WORK: Mapping[str, bool] = {
    "OPENED": True,
    "PAUSED": False,
    "CLOSED": False,
    "EXPIRED": False,
    "UNAVAILABLE": True,
    "NOT_INSTALLED": True,
}


def is_at_work(status: Json) -> bool:
    """Whether a person with this status of his working day counts as being at work."""
    return _AT_WORK.get(str(status or "").upper(), True)


def watched_user_ids(rules: StreamRules) -> tuple[int, ...]:
    """Among whom the rules of a stream spread only while they are at work."""
    spreads = (rule.assign for rule in rules.rules if rule.is_active and rule.assign.to is AssignTo.SPREAD)
    return tuple(dict.fromkeys(user_id for one in spreads if one.is_only_at_work for user_id in one.user_ids))


def find_at_work(
    ruleset: Ruleset, rules: StreamRules, raw: Mapping[str, Any]
) -> Generator[Question, Answer, frozenset[int] | None]:
    """Who of the watched is at work, as remembered in the facts, else as the portal tells now. None = no rule asks, or
    the portal would not tell. Whom it refuses to tell of counts as being at work."""
    if AT_WORK in raw:
        return frozenset(raw[AT_WORK])
    watched = watched_user_ids(rules) if ruleset.tells_presence else ()
    if not watched:
        return None
    commands = tuple((f"day{user_id}", Command("timeman.status", {"USER_ID": user_id})) for user_id in watched)
    answer = yield Question(commands)
    return frozenset(user_id for user_id in watched if _is_told_at_work(answer.result(f"day{user_id}")))


def learned_presence(at_work: frozenset[int] | None) -> dict[str, list[int]]:
    """The fact to remember."""
    return {} if at_work is None else {AT_WORK: sorted(at_work)}


def _is_told_at_work(day: Json) -> bool:
    return is_at_work(day.get("STATUS")) if isinstance(day, Mapping) else True
