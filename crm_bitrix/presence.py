"""Whose working day is open in the portal. Pure.

Asked only where the choice hangs on it, and once per communication: who goes home between the ring and the end keeps
the call. Source: https://apidocs.bitrix24.com/api-reference/timeman/base/timeman-status.html
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

from crm_bitrix.actions import Answer, Command, Json, Question
from integration.rules.responsible import AssignTo, Candidates, Choice
from integration.rules.ruleset import Ruleset, StreamRules

AT_WORK = "crm:at_work"
"""The fact that keeps who was at work when it was asked."""

Choosing = Generator[Question, Answer, tuple[Choice, Mapping[str, list[int]]]]
"""Ends with the choice and the fact to remember of who was at work; an empty mapping if there is none."""

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


def choose_present(
    ruleset: Ruleset,
    rules: StreamRules,
    raw: Mapping[str, Any],
    people: Candidates,
    choose: Callable[[Candidates], Choice],
) -> Choosing:
    """The responsible as `choose` chooses him among these people, where needed with who of them
    is at work.

    The portal is asked only where a rule that spreads among those at work has the word: an earlier one needs nobody's
    working day. Where the portal may not be asked, or will not tell of somebody, he counts as being at work.
    """
    if AT_WORK in raw:
        return choose(replace(people, at_work_user_ids=frozenset(raw[AT_WORK]))), {}
    choice = choose(people)
    if not (choice.is_by_presence and ruleset.tells_presence):
        return choice, {}
    watched = _watched_user_ids(rules)
    commands = tuple((f"day{user_id}", Command("timeman.status", {"USER_ID": user_id})) for user_id in watched)
    answer = yield Question(commands)
    at_work = frozenset(user_id for user_id in watched if _is_told_at_work(answer.result(f"day{user_id}")))
    return choose(replace(people, at_work_user_ids=at_work)), {AT_WORK: sorted(at_work)}


def _watched_user_ids(rules: StreamRules) -> tuple[int, ...]:
    """Among whom the rules of a stream spread only while they are at work: all, for they are asked about once."""
    spreads = (rule.assign for rule in rules.rules if rule.is_active and rule.assign.to is AssignTo.SPREAD)
    return tuple(dict.fromkeys(user_id for one in spreads if one.is_only_at_work for user_id in one.user_ids))


def _is_told_at_work(day: Json) -> bool:
    return is_at_work(day.get("STATUS")) if isinstance(day, Mapping) else True
