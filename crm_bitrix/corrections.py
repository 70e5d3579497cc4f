"""What the end of a communication changes in CRM objects: title, responsible, mapped fields. Pure.

Objects that it has made are corrected only where nobody has changed them since. Objects that were there before
get mapped fields by their policies, and another responsible only if the administrator has opted in. An activity of
ours also gets the look it should have by now: nobody else can change that.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from crm_bitrix import payloads
from crm_bitrix.actions import Action, Answer, DoneActions, Question
from crm_bitrix.clients import Client, ask_objects
from integration.rules.facts import Facts, is_absent
from integration.rules.mapping import MULTIFIELD_KEY, Mapped, map_fields
from integration.rules.mapping_rows import MappingRow, Policy
from integration.rules.ruleset import Ruleset, StreamRules

Changes = Mapping[str, Mapping[str, Any]]
"""Object ("lead:12") → field → value; an activity ("activity:12") → what `payloads.update_activity` takes."""

_MADE = ("lead", "deal", "contact", "activity")
_WITH_CONTACTS = ("lead", "contact")


@dataclass(frozen=True)
class Ending:
    """A communication whose end is known: what was done for it, by which rules, and what they read of it.

    `late_rows` are the rows of the mapping that something told after the end concerns; None = all, the end itself.
    `layout` is the look that its activity should have by now, if it has made one.
    """

    done: DoneActions
    ruleset: Ruleset
    rules: StreamRules
    known: Facts
    layout: Mapping[str, Any] = field(default_factory=dict)
    late_rows: tuple[MappingRow, ...] | None = None

    @property
    def rows(self) -> tuple[MappingRow, ...]:
        """The rows of the mapping that may have something to write."""
        return self.rules.mapping if self.late_rows is None else self.late_rows


def map_new(ruleset: Ruleset, rules: StreamRules, known: Facts, *, at_end: bool) -> Mapped:
    """The mapped fields of what a communication creates."""
    return map_fields(
        rules.mapping,
        facts=known,
        fields=ruleset.fields,
        when="create",
        current=None,
        zone=ruleset.zone,
        at_end=at_end,
        country=ruleset.country,
    )


def warning_trace(warnings: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Warnings of the mapping for the journal."""
    return ({"step": "mapping", "warnings": list(warnings)},) if warnings else ()


def find_changes(
    case: Ending,
    client: Client,
    *,
    title: str,
    responsible_id: int,
    contacts: Sequence[Mapping[str, Any]] = (),
) -> Generator[Question, Answer, tuple[Changes, tuple[Mapping[str, Any], ...]]]:
    """The changes of the end, and warnings of the mapping for the journal.

    `contacts` are the multifields of the client as they are known at the end: what was told only since his object was
    made is added to it.
    """
    made = {kind: case.done[kind].result["id"] for kind in _MADE if kind in case.done}
    found = {item.type: item.id for item in _found(client) if item.type not in made}
    wanted = payloads.item_fields(title=title, responsible_id=responsible_id)
    differing = {kind: _differing(case, kind, wanted) for kind in made}
    added = {kind: _added(case, kind, contacts) for kind in made}
    asked = {kind: number for kind, number in made.items() if differing[kind] or added[kind] or _late_rows(case, kind)}
    asked |= {kind: number for kind, number in found.items() if _has_found_rows(case, kind)}
    owned = {kind: number for kind, number in found.items() if kind in case.rules.change_responsible_of}
    if not (asked or owned):
        return _with_activity(case, {}), ()
    current = yield from ask_objects(tuple((asked | owned).items()))
    mapped_made = _map(case, when="create", current=current, objects=asked.keys() & made.keys())
    mapped_found = _map(case, when="found", current=current, objects=asked.keys() & found.keys())
    changes: dict[str, Mapping[str, Any]] = {}
    for kind, number in (asked | owned).items():
        present = current.get(kind)
        if present is None:
            continue  # deleted since
        fields = {**mapped_made.values.get(kind, {}), **mapped_found.values.get(kind, {})}
        if kind in made:
            fields |= {name: wanted[name] for name, old in differing[kind].items() if _equal(present.get(name), old)}
            if rows := _missing(added[kind], present, fields):
                fields[MULTIFIELD_KEY] = [*fields.get(MULTIFIELD_KEY, ()), *rows]
        elif kind in owned and not _equal(present.get(payloads.RESPONSIBLE), responsible_id):
            fields[payloads.RESPONSIBLE] = responsible_id
        if fields:
            changes[f"{kind}:{number}"] = fields
    return _with_activity(case, changes), (*mapped_made.warnings, *mapped_found.warnings)


def correction_actions(changes: Changes, *, name: str = "correct") -> list[Action]:
    """The updates that bring these changes; `name` tells one visit to the objects from another."""
    actions = []
    for code, fields in changes.items():
        kind, _, number = code.partition(":")
        key = f"{name}:{kind}"
        update = payloads.update_activity if kind == "activity" else partial(payloads.update_item, kind)
        actions.append(update(int(number), fields, key=key))
    return actions


def _with_activity(case: Ending, changes: Changes) -> Changes:
    """The changes, with those of the activity in the shape the portal wants, and with its new look."""
    if "activity" not in case.done:
        return changes
    code = f"activity:{case.done['activity'].result['id']}"
    written = case.done.get("reported:activity", case.done["activity"]).params
    fields = changes.get(code, {})
    if not fields and written["layout"] == case.layout:
        return changes
    return {**changes, code: payloads.activity_changes(written, fields, case.layout)}


def _found(client: Client) -> tuple[Any, ...]:
    main = (client.main,) if client.main else ()
    return (*main, *client.open_deals[:1])


def _differing(case: Ending, kind: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Field → what we wrote last, where the end wants something else. A contact has no title of ours."""
    written = dict(case.done[kind].params["fields"])
    for key, update in case.done.items():
        if key.endswith(f":{kind}"):
            written |= update.params["fields"]
    return {name: written[name] for name, value in wanted.items() if name in written and written[name] != value}


def _added(case: Ending, kind: str, contacts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Contacts of the client that his object did not get at birth: only an object that stands for him has any."""
    fields = case.done[kind].params["fields"]
    if kind not in _WITH_CONTACTS or fields.get("contactId") or fields.get("companyId"):
        return []
    known = {row.get("value") for row in fields.get(MULTIFIELD_KEY, ())}
    return [row for row in contacts if row["value"] not in known]


def _missing(
    rows: Sequence[Mapping[str, Any]], present: Mapping[str, Any], fields: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Those of the rows that the object does not have, nor gets by the mapping."""
    have = {str(row.get("value")) for row in (*(present.get(MULTIFIELD_KEY) or ()), *fields.get(MULTIFIELD_KEY, ()))}
    return [row for row in rows if row["value"] not in have]


def _late_rows(case: Ending, kind: str) -> list[MappingRow]:
    """The mapping of an object of ours that its birth has left: facts of the end, and what was told only since."""
    written = case.done[kind].params["fields"]
    filled = {row["typeId"] for row in written.get(MULTIFIELD_KEY, ())} | written.keys()
    rows = [row for row in case.rows if row.object == kind]
    return [
        row
        for row in rows
        if row.is_end_fact or (row.fact and row.field not in filled and not is_absent(case.known.get(row.fact)))
    ]


def _has_found_rows(case: Ending, kind: str) -> bool:
    return any(row.policy is not Policy.CREATE for row in case.rows if row.object == kind)


def _map(case: Ending, *, when: str, current: Mapping[str, Any], objects: Collection[str]) -> Mapped:
    late = [row for kind in objects for row in _late_rows(case, kind)] if when == "create" else case.rows
    return map_fields(
        late,
        facts=case.known,
        fields=case.ruleset.fields,
        when=when,
        current=current,
        zone=case.ruleset.zone,
        at_end=True,
        country=case.ruleset.country,
        objects=tuple(objects),
    )


def _equal(present: Any, expected: Any) -> bool:
    return str(present) == str(expected)
