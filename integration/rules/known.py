"""What is known of the portal and of the UIS account, so that references of the settings document can be resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from integration.rules.condition_tests import fold_text
from integration.rules.mapping_rows import Fields
from integration.rules.ruleset import CrmMode

LEADS = "leads"
DEFAULT_PIPELINE_ID = 0

Id = int | str
StageOwner = int | str
"""Whose stages: the id of a pipeline of deals, or `LEADS`."""


@dataclass(frozen=True)
class Entry:
    """One entry of a dictionary.

    `name` as the screen shows it. `email`, `is_active` and `has_surname` are of people. `is_gone`: the last
    synchronisation has not seen it any more.
    """

    id: Id
    name: str
    email: str = ""
    is_active: bool = True
    has_surname: bool = True
    is_gone: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.id})" if self.name else str(self.id)


@dataclass(frozen=True)
class Directory:
    """Entries of one kind, found by id or name; `noun` and `plural` name them in messages.

    `has_codes`: their ids are texts; otherwise numbers.
    """

    noun: str
    plural: str
    entries: tuple[Entry, ...] = ()
    has_codes: bool = False

    @cached_property
    def _by_id(self) -> Mapping[Id, Entry]:
        return {entry.id: entry for entry in reversed(self.entries)}

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Entry, ...]]:
        return _index((text, entry) for entry in self.entries for text in {entry.name, entry.email} if text.strip())

    @cached_property
    def _by_word(self) -> Mapping[str, tuple[Entry, ...]]:
        return _index((word, entry) for entry in self.entries for word in set(entry.name.split()))

    def find(self, id_: Id) -> Entry | None:
        """The entry with this id, gone or not."""
        return self._by_id.get(id_)

    def named(self, text: str) -> tuple[Entry, ...]:
        """Entries whose name or e-mail is this text; case and outer spaces do not count."""
        return self._by_name.get(fold_text(text), ())

    def resembling(self, text: str) -> tuple[Entry, ...]:
        """Entries whose name has every word of the text: what somebody who wrote half a name may have meant."""
        words = fold_text(text).split()
        found = [self._by_word.get(word, ()) for word in words]
        first, others = found[0] if found else (), [{entry.id for entry in entries} for entries in found[1:]]
        return tuple(entry for entry in first if all(entry.id in ids for ids in others))


@dataclass(frozen=True)
class Known:
    """Dictionaries of one credential and its portal.

    `stages`: pipeline id or `LEADS` → its stages. `fields`: object → code → field, gone ones included. Ids of stages
    and sources are texts, all others numbers.
    """

    portal_domain: str = ""
    crm_mode: CrmMode = CrmMode.LEADS
    users: tuple[Entry, ...] = ()
    pipelines: tuple[Entry, ...] = ()
    stages: Mapping[StageOwner, tuple[Entry, ...]] = field(default_factory=dict, hash=False)
    sources: tuple[Entry, ...] = ()
    scenarios: tuple[Entry, ...] = ()
    channels: tuple[Entry, ...] = ()
    employees: tuple[Entry, ...] = ()
    fields: Fields = field(default_factory=dict, hash=False)

    @cached_property
    def people(self) -> Directory:
        """Users of the portal."""
        return Directory("person", "people", self.users)

    @cached_property
    def pipeline_directory(self) -> Directory:
        """Pipelines of deals."""
        return Directory("pipeline", "pipelines", self.pipelines)

    @cached_property
    def source_directory(self) -> Directory:
        """Sources of leads and deals."""
        return Directory("source", "sources", self.sources, has_codes=True)

    @cached_property
    def scenario_directory(self) -> Directory:
        """Scenarios of UIS."""
        return Directory("scenario", "scenarios", self.scenarios)

    @cached_property
    def channel_directory(self) -> Directory:
        """Chat channels of UIS."""
        return Directory("channel", "channels", self.channels)

    @cached_property
    def employee_directory(self) -> Directory:
        """Employees of UIS."""
        return Directory("UIS employee", "UIS employees", self.employees)

    def stages_of(self, owners: Iterable[StageOwner]) -> Directory:
        """Stages of pipelines and leads together; of two with one id the first."""
        entries = {entry.id: entry for owner in reversed(tuple(owners)) for entry in self.stages.get(owner, ())}
        return Directory("stage", "stages", tuple(entries.values()), has_codes=True)

    def describe_owner(self, owner: StageOwner) -> str:
        """Name the owner of stages in a message."""
        if owner == LEADS:
            return "leads"
        return f"pipeline {self.pipeline_directory.find(owner) or owner}"


def _index(pairs: Iterable[tuple[str, Entry]]) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, dict[Id, Entry]] = {}
    for text, entry in pairs:
        found.setdefault(fold_text(text), {})[entry.id] = entry
    return {text: tuple(entries.values()) for text, entries in found.items()}
