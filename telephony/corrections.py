"""What the end of a call changes in CRM objects: title, responsible, mapped fields. Pure.

Objects that this call has made are corrected only where nobody has changed them since. Objects that were there before
get mapped fields by their policies, and another responsible only if the administrator has opted in.
"""

from collections.abc import Generator, Mapping
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, Question
from crm_bitrix.clients import Client, ask_objects
from integration.rules.facts import Facts
from integration.rules.mapping import map_fields
from integration.rules.mapping_rows import Policy
from telephony.case import Case

Changes = Mapping[str, Mapping[str, Any]]
"""Object ("lead:12") → field → value."""


def corrections(
    case: Case, client: Client, known: Facts, *, title: str, responsible_id: int
) -> Generator[Question, Answer, tuple[Changes, tuple[Mapping[str, Any], ...]]]:
    """The changes of the end, and warnings of the mapping for the journal. Decided once: `case.settled` keeps them."""
    if "changes" in case.settled:
        return case.settled["changes"], ()
    made = {kind: case.done[kind].result["id"] for kind in ("lead", "deal", "contact") if kind in case.done}
    found = {item.type: item.id for item in _found(client) if item.type not in made}
    wanted = payloads.item_fields(title=title, responsible_id=responsible_id)
    differing = {kind: _differing(case, kind, wanted) for kind in made}
    asked = {kind: number for kind, number in made.items() if differing[kind] or _has_end_rows(case, kind)}
    asked |= {kind: number for kind, number in found.items() if _has_found_rows(case, kind)}
    owned = {kind: number for kind, number in found.items() if kind in case.rules.change_responsible_of}
    if not (asked or owned):
        return {}, ()
    current = yield from ask_objects(tuple((asked | owned).items()))
    mapped_made = _map(case, known, when="create", current=current, objects=asked.keys() & made.keys())
    mapped_found = _map(case, known, when="found", current=current, objects=asked.keys() & found.keys())
    changes = {}
    for kind, number in (asked | owned).items():
        present = current.get(kind)
        if present is None:
            continue  # deleted since
        fields = {**mapped_made.values.get(kind, {}), **mapped_found.values.get(kind, {})}
        if kind in made:
            fields |= {name: wanted[name] for name, old in differing[kind].items() if _equal(present.get(name), old)}
        elif kind in owned and not _equal(present.get(payloads.RESPONSIBLE), responsible_id):
            fields[payloads.RESPONSIBLE] = responsible_id
        if fields:
            changes[f"{kind}:{number}"] = fields
    return changes, (*mapped_made.warnings, *mapped_found.warnings)


def correction_actions(changes: Changes) -> list[Action]:
    """The updates that bring these changes."""
    actions = []
    for code, fields in changes.items():
        kind, _, number = code.partition(":")
        actions.append(payloads.update_item(kind, int(number), fields, key=f"correct:{kind}"))
    return actions


def _found(client: Client) -> tuple[Any, ...]:
    main = (client.main,) if client.main else ()
    return (*main, *client.open_deals[:1])


def _differing(case: Case, kind: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Field → what we wrote, where the end wants something else. A contact has no title of ours."""
    written = case.done[kind].params["fields"]
    return {name: written[name] for name, value in wanted.items() if name in written and written[name] != value}


def _has_end_rows(case: Case, kind: str) -> bool:
    return any(row.is_end_fact for row in case.rules.mapping if row.object == kind)


def _has_found_rows(case: Case, kind: str) -> bool:
    return any(row.policy is not Policy.CREATE for row in case.rules.mapping if row.object == kind)


def _map(case: Case, known: Facts, *, when: str, current: Mapping[str, Any], objects: Any) -> Any:
    return map_fields(
        case.rules.mapping,
        facts=known,
        fields=case.ruleset.fields,
        when=when,
        current=current,
        zone=case.ruleset.zone,
        at_end=True,
        country=case.ruleset.country,
        objects=tuple(objects),
        only_end_facts=when == "create",
    )


def _equal(present: Any, expected: Any) -> bool:
    return str(present) == str(expected)
