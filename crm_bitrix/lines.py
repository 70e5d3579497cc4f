"""The external lines of a portal: one per virtual number of its UIS accounts. Pure but for `wanted`.

`CRM_AUTO_CREATE` is Y while outgoing calls create objects for new clients: a click on an unknown number is registered
by the portal itself and can get its object only so. A line of a vanished number stays: its calls are in the statistics.
Source: https://apidocs.bitrix24.com/api-reference/telephony/telephony-external-line-add.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crm_bitrix.actions import Command, Json, Refusal
from integration.models import Credential, Portal, SettingsTab, Stream, UisItem
from integration.rules.dictionaries import Entry
from integration.rules.facts import StreamKind
from integration.rules.ruleset import CreateFor

ADD, UPDATE = "telephony.externalLine.add", "telephony.externalLine.update"
EXISTS = "already exists"


@dataclass(frozen=True)
class Line:
    """An external line as it is to be: E.164 number, name, whether a click on an unknown number creates."""

    number: str
    name: str
    creates: bool


def wanted(portal: Portal) -> tuple[Line, ...]:
    """The lines this portal is to have; a number of two accounts creates when either of them does."""
    creating = _creating_credentials(portal)
    lines: dict[str, Line] = {}
    numbers = UisItem.objects.filter(
        credential__portal=portal, kind=UisItem.Kind.NUMBER, missing_since__isnull=True
    ).order_by("credential_id", "code")
    for code, name, credential_id in numbers.values_list("code", "name", "credential_id"):
        creates = credential_id in creating or (code in lines and lines[code].creates)
        lines[code] = Line(code, lines[code].name if code in lines else name or code, creates)
    return tuple(lines.values())


def _creating_credentials(portal: Portal) -> set[int]:
    active = Credential.objects.filter(portal=portal, tabs__tab=SettingsTab.Tab.MAIN, tabs__is_active=True)
    active = Credential.objects.filter(
        pk__in=active.values("pk"), tabs__tab=SettingsTab.Tab.TELEPHONY, tabs__is_active=True
    )
    streams = Stream.objects.filter(
        kind=str(StreamKind.OUTGOING), credential__in=active, create_for__in=(CreateFor.NEW, CreateFor.BOTH)
    )
    return set(streams.values_list("credential_id", flat=True))


def plan_lines(lines: Iterable[Line], existing: Iterable[Entry]) -> dict[str, Command]:
    """The commands that bring the portal's lines into line: only differences, keyed by number."""
    known = {entry.code: entry for entry in existing}
    commands = {}
    for line in lines:
        fields = {"NUMBER": line.number, "NAME": line.name, "CRM_AUTO_CREATE": "Y" if line.creates else "N"}
        entry = known.get(line.number)
        if entry is None:
            commands[f"line_{line.number}"] = Command(ADD, fields)
        elif entry.name != line.name or entry.data["creates"] != line.creates:
            commands[f"line_{line.number}"] = Command(UPDATE, fields)
    return commands


def read_outcome(commands: Mapping[str, Command], answers: Mapping[str, Json]) -> tuple[dict[str, int], list[str]]:
    """How many lines were added and changed, and what was refused; a line that exists already is no refusal."""
    counts, problems = {"added": 0, "changed": 0}, []
    for name, command in commands.items():
        answer = answers.get(name)
        if isinstance(answer, Refusal) and EXISTS not in answer.text:
            problems.append(f"линия {command.params['NUMBER']}: {answer}")
        else:
            counts["added" if command.method == ADD else "changed"] += 1
    return counts, problems


def lines_after(
    existing: Iterable[Entry], commands: Mapping[str, Command], answers: Mapping[str, Json]
) -> tuple[Entry, ...]:
    """The portal's lines as they are after these commands."""
    entries = {entry.code: entry for entry in existing}
    for name, command in commands.items():
        answer = answers.get(name)
        if not isinstance(answer, Refusal) or EXISTS in answer.text:
            fields = command.params
            creates = {"creates": fields["CRM_AUTO_CREATE"] == "Y"}
            entries[fields["NUMBER"]] = Entry(fields["NUMBER"], fields["NAME"], creates)
    return tuple(entries.values())
