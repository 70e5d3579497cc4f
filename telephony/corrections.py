"""What the end of a call, and what is told only after it, change in CRM objects. Pure.

end     once: title, responsible and mapped fields as the end knows them; remembered in `crm:end`
late    what the report, the AI analysis or somebody's tag brings afterwards: a visit of its own each time, with
        nothing but the changed facts, remembered in `crm:late`
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from crm_bitrix.actions import Action, Answer, Question
from crm_bitrix.clients import Client
from crm_bitrix.corrections import Ending, correction_actions, find_changes
from integration.rules.facts import FACTS, Facts, FactType, is_absent
from integration.rules.mapping_rows import MappingRow, Policy
from telephony.case import END, LATE, Case, title_of

Warnings = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Corrected:
    """The updates of CRM objects, what is to be remembered of them, warnings of the mapping, and whose the call is."""

    actions: tuple[Action, ...]
    learned: Mapping[str, Any]
    warnings: Warnings
    responsible_id: int


def correct(
    case: Case, client: Client, known: Facts, *, title: str, responsible_id: int, chosen_id: int | None
) -> Generator[Question, Answer, Corrected]:
    """Correct what the call has made and found. `chosen_id` is whom the rules choose by what is known now."""
    warnings: Warnings = ()
    end, late = case.settled, list(case.call.raw.get(LATE, ()))
    if not end:
        ending = Ending(case.done, case.ruleset, case.rules, known)
        changes, warnings = yield from find_changes(ending, client, title=title, responsible_id=responsible_id)
        end = {"responsible_id": responsible_id, "title": title, "changes": changes}
    end.setdefault("known", _marks(case, known))
    last = late[-1] if late else end
    changed = {name for name, mark in _marks(case, known).items() if last["known"].get(name, mark) != mark}
    if changed:
        visit, warnings = yield from _visit(case, client, known, last=last, changed=changed, chosen_id=chosen_id)
        late.append(visit)
        last = visit
    return Corrected(
        (
            *correction_actions(end["changes"]),
            *(action for number, visit in enumerate(late) for action in _actions(visit, number)),
        ),
        {END: end, **({LATE: late} if late else {})},
        warnings,
        last["responsible_id"],
    )


def _actions(visit: Mapping[str, Any], number: int) -> list[Action]:
    return correction_actions(visit["changes"], name=f"late{number}")


def _visit(
    case: Case, client: Client, known: Facts, *, last: Mapping[str, Any], changed: set[str], chosen_id: int | None
) -> Generator[Question, Answer, tuple[Mapping[str, Any], Warnings]]:
    is_asked_by_rules = not case.rules.deciding_facts.isdisjoint(changed)
    responsible_id = (chosen_id if is_asked_by_rules else None) or last["responsible_id"]
    template = case.rules.titles.get(case.call.result)
    is_in_title = template is not None and not template.facts.isdisjoint(changed)
    title = title_of(case, known, responsible_id) if is_in_title else last["title"]
    new = {name for name in changed if not last["known"][name]}
    rows = tuple(row for row in case.rules.mapping if _brings(row, changed=changed, new=new))
    ending = replace(Ending(case.done, case.ruleset, case.rules, known), late_rows=rows)
    changes, warnings = yield from find_changes(ending, client, title=title, responsible_id=responsible_id)
    marks = _marks(case, known)
    return {"responsible_id": responsible_id, "title": title, "changes": changes, "known": marks}, warnings


def _brings(row: MappingRow, *, changed: set[str], new: set[str]) -> bool:
    """Say whether a row has something to write now: only `overwrite` writes what was corrected; a list grows."""
    if row.fact not in changed:
        return False
    grows = row.policy is Policy.APPEND and FACTS[row.fact].type is FactType.LIST
    return row.fact in new or row.policy is Policy.OVERWRITE or grows


def _marks(case: Case, known: Facts) -> dict[str, str]:
    """What the facts of the end were, short: enough to notice a change; "" = absent."""
    return {name: _mark(known.get(name)) for name in sorted(case.rules.end_facts)}


def _mark(value: Any) -> str:
    return "" if is_absent(value) else sha256(repr(value).encode()).hexdigest()[:12]
