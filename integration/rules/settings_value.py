"""Everything an administrator has set, as one frozen value.

The settings document is read into it and written from it, the rows of a credential are read into it and written from
it; whatever asks "did anything change?" compares two of them. References are ids, phones are E.164, trees and titles
are parsed; orders are those of the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integration.rules.conditions import Tree
from integration.rules.facts import StreamKind
from integration.rules.mapping_rows import MappingRow
from integration.rules.responsible import Assign
from integration.rules.ruleset import (
    BUILT_IN,
    CardMoment,
    CreateOptions,
    FormCallback,
    MissedCallMessage,
    NumberOptions,
    PersonalManager,
    make_stream,
)
from integration.rules.titles import TITLE_KEYS, Title

CLIENT_ORDER = ("contact", "company", "lead")

__all__ = [
    "BUILT_IN",
    "CLIENT_ORDER",
    "EmployeeSetting",
    "FormCallback",
    "MissedCallMessage",
    "NumberSetting",
    "PersonalManager",
    "RuleSettings",
    "Settings",
    "StreamSettings",
    "TelephonySettings",
    "default_settings",
    "default_stream",
]


@dataclass(frozen=True)
class RuleSettings:
    """One line of the responsible rules; `when` None = always."""

    name: str
    assign: Assign
    when: Tree | None = None
    is_active: bool = True


@dataclass(frozen=True)
class StreamSettings:
    """What is set for one stream. Options of other streams keep their defaults.

    `talked`: outgoing; `channels`: chat, UIS channel ids, None = all; `without_contacts`: chat and request;
    `personal_manager`: incoming. `titles` has every result of the stream; a title with the text "" = the built-in one.
    """

    kind: StreamKind
    create: CreateOptions
    filter: Tree | None = None
    rules: tuple[RuleSettings, ...] = ()
    talked: str | None = None
    default_responsible_id: int | None = None
    change_responsible_of: tuple[str, ...] = ()
    titles: Mapping[str, Title] = field(default_factory=dict, hash=False)
    mapping: tuple[MappingRow, ...] = ()
    notify: bool = True
    without_contacts: bool = False
    channels: tuple[int, ...] | None = None
    personal_manager: PersonalManager = PersonalManager()


@dataclass(frozen=True)
class NumberSetting:
    """What is set apart for one virtual number (E.164)."""

    number: str
    options: NumberOptions = field(default_factory=NumberOptions)


@dataclass(frozen=True)
class TelephonySettings:
    """The tab Телефония without its streams; `mode` is ip or webrtc."""

    is_active: bool = False
    mode: str = "ip"
    records: bool = True
    number_as_source: bool = False
    numbers: tuple[NumberSetting, ...] = ()
    click_to_call_number: str | None = None
    form_callback: FormCallback = FormCallback()
    missed_call_message: MissedCallMessage = MissedCallMessage()


@dataclass(frozen=True)
class EmployeeSetting:
    """A match set by hand; `bitrix_user_id` None = the UIS employee belongs to nobody."""

    uis_employee_id: int
    bitrix_user_id: int | None
    card: CardMoment = CardMoment.DEFAULT
    line: str | None = None


@dataclass(frozen=True)
class Settings:
    """All settings of one credential; `streams` has all four."""

    streams: Mapping[StreamKind, StreamSettings] = field(hash=False)
    is_active: bool = False
    country: str = "RU"
    client_order: tuple[str, ...] = CLIENT_ORDER
    alert_user_ids: tuple[int, ...] = ()
    alert_emails: tuple[str, ...] = ()
    employees: tuple[EmployeeSetting, ...] = ()
    telephony: TelephonySettings = TelephonySettings()
    is_chats_active: bool = False


def default_stream(kind: StreamKind) -> StreamSettings:
    """The settings of a stream that the document does not mention."""
    preset = make_stream(kind)
    return StreamSettings(
        kind, create=preset.create, talked=preset.talked, titles=dict.fromkeys(TITLE_KEYS[kind], BUILT_IN)
    )


def default_settings() -> Settings:
    """The settings of a credential for which nothing has been set."""
    return Settings(streams={kind: default_stream(kind) for kind in StreamKind})
