"""The ruleset: everything an administrator has set, compiled and frozen, as the deciders get it.

It is built from the settings document by the code that saves settings; the builders `make_stream` and `make_ruleset`
fill the rest with the defaults of the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from integration.rules.checks import Check
from integration.rules.facts import Facts, StreamKind
from integration.rules.mapping_rows import Fields, MappingRow
from integration.rules.responsible import Candidates, Choice, Rule, choose_responsible
from integration.rules.titles import Title, default_title

CALLS = frozenset({StreamKind.INCOMING, StreamKind.OUTGOING})
DEFAULT_ZONE = ZoneInfo("Europe/Moscow")
BUILT_IN = Title("", ())
NOT_FOUND_CODE = 1
"""Code of the branch «не найден» of interactive processing: the same everywhere, the set-up steps tell to bind it."""


class CrmMode(StrEnum):
    """What the portal works with: leads, or contacts and deals only."""

    LEADS = "leads"
    DEALS = "deals"


class CardMoment(StrEnum):
    """When an employee's card opens; `default` follows the telephony mode."""

    DEFAULT = "default"
    RING = "ring"
    ANSWER = "answer"
    NEVER = "never"


class CreateFor(StrEnum):
    """For whom objects are created: new clients, returning ones, both, or nobody."""

    NEW = "new"
    REPEAT = "repeat"
    BOTH = "both"
    NONE = "none"


class CreateWhat(StrEnum):
    """What a chat or request becomes: a lead or deal, an activity, or both. Calls: always `item`."""

    ITEM = "item"
    ACTIVITY = "activity"
    ITEM_AND_ACTIVITY = "item_and_activity"


@dataclass(frozen=True)
class Employee:
    """A UIS employee as matched; `bitrix_user_id` None = nobody's. `line`: SIP line for click-to-call."""

    bitrix_user_id: int | None
    card: CardMoment = CardMoment.DEFAULT
    line: str | None = None


@dataclass(frozen=True)
class NumberOptions:
    """What is set apart for one virtual number; None = as in the stream. Ids are Bitrix24's."""

    source_id: str | None = None
    pipeline_id: int | None = None
    stage_id: str | None = None


@dataclass(frozen=True)
class PersonalManager:
    """Forwarding an incoming call to the owner of the client; `is_only_at_work`: while his working day is open."""

    is_active: bool = False
    is_only_at_work: bool = True


@dataclass(frozen=True)
class FormCallback:
    """Calling back the sender of a Bitrix24 form; `by` is scenario (UIS), number or employee (a Bitrix24 user)."""

    is_active: bool = False
    by: str = "number"
    scenario_id: int | None = None
    bitrix_user_id: int | None = None
    number: str | None = None


@dataclass(frozen=True)
class MissedCallMessage:
    """The message about a missed call in the client's open line; `reader` is operators or client."""

    is_active: bool = False
    reader: str = "operators"
    text: Title = BUILT_IN


@dataclass(frozen=True)
class TelephonyOptions:
    """Settings common to calls; `mode` is "ip" or "webrtc", `numbers` is keyed by E.164."""

    mode: str = "ip"
    records: bool = True
    number_as_source: bool = False
    numbers: Mapping[str, NumberOptions] = field(default_factory=dict)
    click_to_call_number: str | None = None
    form_callback: FormCallback = FormCallback()
    missed_call_message: MissedCallMessage = MissedCallMessage()


@dataclass(frozen=True)
class CreateOptions:
    """What is created, where and when: `item` lead or deal, `moment` start or end; None = the portal's default."""

    for_: CreateFor = CreateFor.BOTH
    what: CreateWhat = CreateWhat.ITEM_AND_ACTIVITY
    item: str = "lead"
    pipeline_id: int | None = None
    stage_id: str | None = None
    source_id: str | None = None
    moment: str = "start"
    second_open: bool = False


@dataclass(frozen=True)
class StreamRules:
    """The rules of one stream.

    `is_active`: the flag of Главная and that of the tab. `filter` None = everything passes; `filter_needs_end`: it asks
    for facts of the end, so it is evaluated, and whatever is created is created, at the end. `talked` (outgoing):
    first, last, longest or None. `titles`: result → title; a missing one or one without pieces = the built-in title.
    `channels` (chat): UIS channel ids, None = all. `end_facts`: the facts of the end that filter, rules, titles and
    mapping ask for. `deciding_facts`: all facts that filter and rules ask for.
    """

    kind: StreamKind
    is_active: bool = True
    filter: Check | None = None
    filter_needs_end: bool = False
    rules: tuple[Rule, ...] = ()
    talked: str | None = None
    default_responsible_id: int | None = None
    create: CreateOptions = CreateOptions()
    titles: Mapping[str, Title] = field(default_factory=dict)
    mapping: tuple[MappingRow, ...] = ()
    notify: bool = True
    change_responsible_of: frozenset[str] = frozenset()
    without_contacts: bool = False
    channels: frozenset[int] | None = None
    personal_manager: PersonalManager = PersonalManager()
    end_facts: frozenset[str] = frozenset()
    deciding_facts: frozenset[str] = frozenset()

    @property
    def creates_at_end(self) -> bool:
        """True if whatever is created is created when the event is over."""
        return self.filter_needs_end or self.create.moment == "end"


@dataclass(frozen=True)
class Ruleset:
    """All rules of one credential at one revision.

    `language` of built-in titles; `zone` of the UIS account; `country` of numbers without a code; `client_order`: which
    found object owns the event; `employees`: UIS employee id → employee; `active_user_ids`: None = never synchronised;
    `fallback_user_id`: the connecting administrator; `fields`: object → code → field, for the mapping;
    `number_sources`: the CRM's sources that were made of virtual numbers; `own_numbers`: active virtual numbers
    (E.164), the oldest first, () = never synchronised; `number_names`: what the account calls them; `user_names`: the
    active Bitrix24 users. Both are for titles. `tells_presence`: the portal may be asked whose working day is open.
    """

    revision: int
    streams: Mapping[StreamKind, StreamRules]
    language: str = "ru"
    crm_mode: CrmMode = CrmMode.LEADS
    portal_domain: str = ""
    zone: tzinfo = DEFAULT_ZONE
    country: str = "RU"
    client_order: tuple[str, ...] = ("contact", "company", "lead")
    employees: Mapping[int, Employee] = field(default_factory=dict)
    active_user_ids: frozenset[int] | None = None
    fallback_user_id: int | None = None
    telephony: TelephonyOptions = TelephonyOptions()
    fields: Fields = field(default_factory=dict)
    number_sources: frozenset[str] = frozenset()
    own_numbers: tuple[str, ...] = ()
    number_names: Mapping[str, str] = field(default_factory=dict)
    user_names: Mapping[int, str] = field(default_factory=dict)
    tells_presence: bool = False

    def bitrix_user_id(self, uis_employee_id: int | None) -> int | None:
        """The Bitrix24 user of a UIS employee; None if he is not matched."""
        employee = self.employees.get(uis_employee_id) if uis_employee_id is not None else None
        return employee.bitrix_user_id if employee else None

    def is_active_user(self, user_id: int | None) -> bool:
        """Say whether somebody works in the portal; before the first synchronisation everybody does."""
        return user_id is not None and (self.active_user_ids is None or user_id in self.active_user_ids)

    def active_user_id(self, uis_employee_id: int | None) -> int | None:
        """The same as `bitrix_user_id`, but None for somebody who has left the portal."""
        user_id = self.bitrix_user_id(uis_employee_id)
        return user_id if self.is_active_user(user_id) else None

    def default_user_id(self, stream: StreamKind) -> int | None:
        """The default responsible of a stream, or in his place the connecting administrator if he has left."""
        user_id = self.streams[stream].default_responsible_id
        return user_id if self.is_active_user(user_id) else self.fallback_user_id

    def card_moment(self, uis_employee_id: int) -> CardMoment:
        """When the employee's card opens, never `default`: by the telephony mode unless set apart for him."""
        employee = self.employees.get(uis_employee_id)
        if employee is not None and employee.card is not CardMoment.DEFAULT:
            return employee.card
        return CardMoment.ANSWER if self.telephony.mode == "webrtc" else CardMoment.RING

    def item_type(self, stream: StreamKind) -> str:
        """What the stream creates: "lead" or "deal"; always a deal where the portal has no leads."""
        return "deal" if self.crm_mode is CrmMode.DEALS else self.streams[stream].create.item

    def create_options(self, stream: StreamKind, virtual_number: str | None = None) -> CreateOptions:
        """The stream's options of creation with those of the virtual number (E.164) laid over them.

        The source is never None: CALL for calls, WEB for the others, unless set.
        """
        options = self.streams[stream].create
        number = self.telephony.numbers.get(virtual_number or "", NumberOptions())
        pipeline_id, stage_id = self._place(stream, number)
        return CreateOptions(
            for_=options.for_,
            what=options.what,
            item=self.item_type(stream),
            pipeline_id=pipeline_id,
            stage_id=stage_id,
            source_id=number.source_id
            or self._own_source(virtual_number)
            or options.source_id
            or ("CALL" if stream in CALLS else "WEB"),
            moment="end" if self.streams[stream].creates_at_end else "start",
            second_open=options.second_open,
        )

    def _place(self, stream: StreamKind, number: NumberOptions) -> tuple[int | None, str | None]:
        """Pipeline and stage. Stages belong to a pipeline of deals or to leads: one that was chosen for another place
        does not count."""
        options, is_deal = self.streams[stream].create, self.item_type(stream) == "deal"
        if number.pipeline_id is not None:
            return (number.pipeline_id, number.stage_id) if is_deal else (None, options.stage_id)
        if options.item != self.item_type(stream):
            return None, None  # chosen for leads, which the portal has no more
        return options.pipeline_id, number.stage_id or options.stage_id

    def _own_source(self, virtual_number: str | None) -> str | None:
        """The source that was made of a virtual number, where numbers are passed on as sources and it is there."""
        code = number_source(virtual_number or "")
        return code if self.telephony.number_as_source and code in self.number_sources else None

    def render_title(self, stream: StreamKind, result: str, facts: Facts, *, responsible_id: int | None) -> str:
        """The title of the stream for a result (`received` for requests); the built-in one if it comes out empty."""
        facts = {**facts, "responsible_name": self.user_names.get(responsible_id or 0)}
        title = self.streams[stream].titles.get(result)
        rendered = title.render(facts, zone=self.zone, language=self.language) if title else ""
        built_in = default_title(self.language, stream, result)
        return rendered or built_in.render(facts, zone=self.zone, language=self.language)

    def choose_responsible(
        self, stream: StreamKind, *, facts: Facts, candidates: Candidates, at_end: bool, seed: str
    ) -> Choice:
        """`responsible.choose_responsible` with the rules of the stream; `seed` names the event."""
        rules = self.streams[stream]
        return choose_responsible(
            rules.rules,
            rules.default_responsible_id,
            facts=facts,
            candidates=candidates,
            stream=stream,
            at_end=at_end,
            talked=rules.talked,
            seed=seed,
            fallback_id=self.fallback_user_id,
        )


def number_source(number: str) -> str:
    """The code of the CRM source that stands for a virtual number (E.164)."""
    return f"UIS_{number.lstrip('+')}"


def make_stream(kind: StreamKind, **options: Any) -> StreamRules:
    """Rules of a stream with the defaults of the settings document; `create` may be a dict of `CreateOptions`."""
    create = options.pop("create", {})
    if isinstance(create, dict):
        preset: dict[str, Any] = {"for_": CreateFor.NEW, "what": CreateWhat.ITEM} if kind in CALLS else {}
        create = CreateOptions(**(preset | create))
    if kind is StreamKind.OUTGOING:
        options.setdefault("talked", "last")
    options.setdefault("default_responsible_id", 1)
    return StreamRules(kind=kind, create=create, **options)


def make_ruleset(*streams: StreamRules, **options: Any) -> Ruleset:
    """A ruleset with the given streams, the others with defaults; `options` are fields of `Ruleset`."""
    given = {stream.kind: stream for stream in streams}
    options.setdefault("revision", 1)
    options.setdefault("fallback_user_id", 1)
    return Ruleset(streams={kind: given.get(kind) or make_stream(kind) for kind in StreamKind}, **options)
