"""Which settings speak of something that has vanished or of somebody who has left. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from integration.rules.document_streams import stage_owner, stage_owners
from integration.rules.facts import StreamKind
from integration.rules.known import Entry, Id, Known
from integration.rules.ruleset import CALLS
from integration.rules.settings_value import Settings, StreamSettings


@dataclass(frozen=True)
class Affected:
    """A place of the settings document, what it speaks of, and what has become of that: gone or dismissed."""

    path: str
    name: str
    what: str


GONE, DISMISSED = "gone", "dismissed"


def find_affected(settings: Settings, known: Known) -> tuple[Affected, ...]:
    """All places of the settings that refer to what is no longer there, in the order of the document."""
    return tuple(_find(settings, known))


def _find(settings: Settings, known: Known) -> Iterator[Affected]:
    people = _Entries(known.users)
    for index, user_id in enumerate(settings.alert_user_ids):
        yield from people.tell(f"main.alerts.users[{index}]", user_id)
    for index, employee in enumerate(settings.employees):
        path = f"main.employees[{index}]"
        yield from _Entries(known.employees).tell(f"{path}.uis", employee.uis_employee_id)
        yield from people.tell(f"{path}.bitrix", employee.bitrix_user_id)
    for index, number in enumerate(settings.telephony.numbers):
        path, options = f"telephony.numbers[{index}]", number.options
        yield from _Entries(known.sources).tell(f"{path}.source", options.source_id)
        yield from _Entries(known.pipelines).tell(f"{path}.pipeline", options.pipeline_id)
        owners = stage_owners(settings.streams) if options.pipeline_id is None else (options.pipeline_id,)
        yield from _Entries(known.stages_of(owners).entries).tell(f"{path}.stage", options.stage_id)
    callback = settings.telephony.form_callback
    yield from _Entries(known.scenarios).tell("telephony.form_callback.scenario", callback.scenario_id)
    yield from people.tell("telephony.form_callback.employee", callback.bitrix_user_id)
    for kind in StreamKind:
        yield from _stream(settings.streams[kind], known)


def _stream(stream: StreamSettings, known: Known) -> Iterator[Affected]:
    path = f"{'telephony' if stream.kind in CALLS else 'chats'}.{stream.kind.value}"
    people = _Entries(known.users)
    for index, channel_id in enumerate(stream.channels or ()):
        yield from _Entries(known.channels).tell(f"{path}.channels[{index}]", channel_id)
    for index, rule in enumerate(stream.rules):
        for user_id in rule.assign.user_ids:
            yield from people.tell(f"{path}.responsible.rules[{index}].assign", user_id)
    yield from people.tell(f"{path}.responsible.default", stream.default_responsible_id)
    create = stream.create
    yield from _Entries(known.sources).tell(f"{path}.create.source", create.source_id)
    yield from _Entries(known.pipelines).tell(f"{path}.create.pipeline", create.pipeline_id)
    stages = known.stages.get(stage_owner(create), ())
    yield from _Entries(stages).tell(f"{path}.create.stage", create.stage_id)
    for index, row in enumerate(stream.mapping):
        field = known.fields.get(row.object, {}).get(row.field)
        if field is not None and (field.is_gone or field.is_read_only):
            yield Affected(f"{path}.mapping[{index}].field", field.title or row.field, GONE)


class _Entries:
    """Entries by id. What was never seen is no news here: the document refuses it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_id: Mapping[Id, Entry] = {entry.id: entry for entry in entries}

    def tell(self, path: str, id_: Id | None) -> Iterator[Affected]:
        entry = self.by_id.get(id_) if id_ is not None else None
        if entry is not None and (entry.is_gone or not entry.is_active):
            yield Affected(path, entry.name, GONE if entry.is_gone else DISMISSED)
