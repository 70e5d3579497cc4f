"""The settings document, version 1: a JSON text → a value of settings, or everything that is wrong with it.

One call reads the whole: what is left out has its default, nothing keeps a present value. The pieces are read by
`document_streams` with the parse functions of conditions, titles and mapping rows.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import phonenumbers

from integration.rules import document_keys as keys
from integration.rules.document_export import VERSION, dump_settings
from integration.rules.document_reader import Notes, ObjectReader, Scope, as_number, resolve
from integration.rules.document_streams import parse_pipeline_and_stage, parse_stream, parse_template, stage_owners
from integration.rules.document_text import DOCUMENT, MAX_BYTES, read_json, write_json
from integration.rules.facts import StreamKind
from integration.rules.faults import Fault, find_unstorable, join_codes, quote
from integration.rules.known import Directory, Known, StageOwner
from integration.rules.ruleset import CardMoment, NumberOptions
from integration.rules.settings_value import (
    CLIENT_ORDER,
    EmployeeSetting,
    FormCallback,
    MissedCallMessage,
    NumberSetting,
    Settings,
    StreamSettings,
    TelephonySettings,
)

DEFAULT_COUNTRY = "RU"
MAX_LINE = 50
MAX_EMAIL = 254
MAX_EXPORTED_BYTES = MAX_BYTES - 4096  # leaves room for `about` and for names that grow

_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")


@dataclass(frozen=True)
class ParsedDocument:
    """Either `settings` or `faults`; `warnings` do not prevent saving."""

    settings: Settings | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


def parse_document(
    text: str | bytes, *, known: Known, kept: Collection[tuple[str, str]] = frozenset()
) -> ParsedDocument:
    """Read a settings document against what is known of the portal and the UIS account.

    `kept`: (object, field) of the mapping rows of the present revision, or of the one being restored; what has become
    of their fields since is a warning only. Never raises, whatever the text. Source: settings document, version 1.
    """
    value, faults = read_json(text)
    if value is None and faults:
        return ParsedDocument(None, faults)
    if not isinstance(value, dict):
        return ParsedDocument(None, (Fault(DOCUMENT, f"must be an object, not {quote(value)}"),))
    message = _refuse_version(value)
    if message:
        return ParsedDocument(None, (Fault("version", message),))
    scope = Scope(
        known=known,
        country=_read_country(value) or DEFAULT_COUNTRY,
        is_foreign=_is_foreign(value, known),
        kept=kept,
        notes=Notes(),
    )
    settings = _parse_top(value, scope)
    # A key given twice and NaN have been named already; what else is wrong with their values is of no interest.
    named = {fault.path for fault in faults}
    found = (*faults, *_list_once(fault for fault in scope.notes.faults if fault.path not in named))
    if not found and len(write_json(dump_settings(settings, known=known)).encode()) > MAX_EXPORTED_BYTES:
        # What was written tightly grows when it is exported; it must still fit when it is restored.
        found = (Fault(DOCUMENT, f"is more than {MAX_BYTES // 1024} KB when every key is written; shorten its lists"),)
    return ParsedDocument(None if found else settings, found, _list_once(scope.notes.warnings))


def _list_once(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Each once and on one line: keys and names come from outside and may hold line breaks."""
    return tuple(dict.fromkeys(Fault(_LINE_BREAKS.sub(" ", each.path), each.message) for each in faults))


def _refuse_version(value: dict[str, Any]) -> str | None:
    if "version" not in value:
        return f"must be given; this service reads version {VERSION}"
    version = value["version"]
    is_read = isinstance(version, int) and not isinstance(version, bool) and version == VERSION
    return None if is_read else f"must be {VERSION}, not {quote(version)}"


def _is_foreign(value: dict[str, Any], known: Known) -> bool:
    about = value.get("about")
    portal = about.get("portal") if isinstance(about, dict) else None
    return isinstance(portal, str) and portal.strip().casefold() != known.portal_domain.casefold()


def _read_country(value: dict[str, Any]) -> str | None:
    """The country in capitals, or None if it is left out or wrong: phones anywhere in the document need it."""
    main = value.get("main")
    written = main.get("country", DEFAULT_COUNTRY) if isinstance(main, dict) else DEFAULT_COUNTRY
    country = written.upper() if isinstance(written, str) and written.isascii() else ""
    return country if country in phonenumbers.SUPPORTED_REGIONS else None


def _parse_top(value: dict[str, Any], scope: Scope) -> Settings:
    top = ObjectReader(value, path="", keys=keys.TOP, scope=scope)
    _check_about(value.get("about", {}), scope)
    main = top.inner("main", keys.MAIN)
    if _read_country(value) is None:
        main.refuse("country", f'{quote(main.value["country"])} is not a country; write two letters like "RU"')
    alerts = main.inner("alerts", keys.ALERTS)
    telephony, call_streams = _parse_telephony(top.inner("telephony", keys.TELEPHONY))
    chats = top.inner("chats", keys.CHATS)
    is_chats_active = chats.yes_no("active", False)
    chat_streams = [
        parse_stream(chats, kind, is_tab_active=is_chats_active) for kind in (StreamKind.CHAT, StreamKind.REQUEST)
    ]
    return Settings(
        streams={stream.kind: stream for stream in (*call_streams, *chat_streams)},
        is_active=main.yes_no("active", False),
        country=scope.country,
        client_order=_parse_client_order(main),
        alert_user_ids=alerts.refs("users", scope.known.people),
        alert_emails=_parse_emails(alerts),
        employees=_parse_employees(main),
        telephony=telephony,
        is_chats_active=is_chats_active,
    )


def _check_about(about: Any, scope: Scope) -> None:
    if not isinstance(about, dict):
        scope.refuse("about", f"must be an object, not {quote(about)}")
    elif not isinstance(about.get("portal", ""), str):
        scope.refuse("about.portal", f"must be a text, not {quote(about['portal'])}")


def _parse_client_order(main: ObjectReader) -> tuple[str, ...]:
    order = main.codes("client_order", CLIENT_ORDER, CLIENT_ORDER)
    written = main.value.get("client_order")
    missing = tuple(code for code in CLIENT_ORDER if code not in order)
    if isinstance(written, list) and len(written) == len(order) and missing:
        main.refuse(
            "client_order", f"must name each of {join_codes(CLIENT_ORDER)} once; missing: {join_codes(missing)}"
        )
    return order


def _parse_emails(alerts: ObjectReader) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for path, item in alerts.items("emails"):
        is_email = isinstance(item, str) and len(item) <= MAX_EMAIL and _EMAIL.fullmatch(item)
        if not is_email or find_unstorable(item):
            alerts.scope.refuse(path, f"{quote(item)} is not an e-mail address")
        elif item.casefold() in found:
            alerts.scope.refuse(path, f"{quote(item)} stands twice")
        else:
            found[item.casefold()] = item
    return tuple(found.values())


def _parse_employees(main: ObjectReader) -> tuple[EmployeeSetting, ...]:
    known = main.scope.known
    seen_uis: set[int] = set()
    seen_bitrix: set[int] = set()
    found: list[EmployeeSetting] = []
    for path, item in main.items("employees"):
        reader = main.inner_of(item, path, keys.EMPLOYEE)
        uis_id = _parse_once(reader, "uis", known.employee_directory, seen_uis)
        user_id = _parse_once(reader, "bitrix", known.people, seen_bitrix, or_null=True)
        card = CardMoment(reader.code("card", tuple(CardMoment), CardMoment.DEFAULT))
        line = reader.text("line", longest=MAX_LINE) if reader.value.get("line") is not None else None
        if uis_id is not None:
            found.append(EmployeeSetting(uis_id, user_id, card, line))
    return tuple(found)


def _parse_once(
    reader: ObjectReader, key: str, directory: Directory, seen: set[int], *, or_null: bool = False
) -> int | None:
    """A reference that must be given and that no other row of the list may have."""
    if not reader.has(key) or (reader.value[key] is None and or_null):
        return None
    id_ = as_number(resolve(reader.value[key], reader.at(key), directory, reader.scope))
    if id_ is not None and id_ in seen:
        reader.refuse(key, f"{directory.find(id_)} stands twice")
    elif id_ is not None:
        seen.add(id_)
    return id_


def _parse_telephony(tab: ObjectReader) -> tuple[TelephonySettings, list[StreamSettings]]:
    is_active = tab.yes_no("active", False)
    streams = [parse_stream(tab, kind, is_tab_active=is_active) for kind in (StreamKind.INCOMING, StreamKind.OUTGOING)]
    settings = TelephonySettings(
        is_active=is_active,
        mode=tab.code("mode", ("ip", "webrtc"), "ip"),
        records=tab.yes_no("records", True),
        number_as_source=tab.yes_no("number_as_source", False),
        numbers=_parse_numbers(tab, stage_owners({stream.kind: stream for stream in streams})),
        click_to_call_number=tab.inner("click_to_call", keys.CLICK_TO_CALL).phone("number"),
        form_callback=_parse_form_callback(tab.inner("form_callback", keys.FORM_CALLBACK)),
        missed_call_message=_parse_missed_message(tab.inner("missed_call_message", keys.MISSED_CALL_MESSAGE)),
    )
    return settings, streams


def _parse_numbers(tab: ObjectReader, owners: tuple[StageOwner, ...]) -> tuple[NumberSetting, ...]:
    """`owners`: those of `stage_owners`."""
    found: dict[str, NumberSetting] = {}
    for path, item in tab.items("numbers"):
        reader = tab.inner_of(item, path, keys.NUMBER)
        number = _parse_number(reader)
        source_id = reader.code_ref("source", tab.scope.known.source_directory)
        pipeline_id, stage_id = parse_pipeline_and_stage(reader, owners)
        if number is not None and number in found:
            reader.refuse("number", f"{quote(number)} stands twice")
        elif number is not None:
            found[number] = NumberSetting(number, NumberOptions(source_id, pipeline_id, stage_id))
    return tuple(found.values())


def _parse_number(reader: ObjectReader) -> str | None:
    if reader.has("number") and reader.value["number"] is None:
        reader.refuse("number", "must be given")
    return reader.phone("number")


def _parse_form_callback(reader: ObjectReader) -> FormCallback:
    known = reader.scope.known
    is_active = reader.yes_no("active", False)
    by = reader.code("by", ("scenario", "number", "employee"), "number")
    if by != "number" and reader.value.get(by) is None:
        reader.refuse(by, f'must be given while {reader.at("by")} is "{by}"')
    if is_active and reader.value.get("number") is None:
        reader.refuse("number", f"must be given while {reader.at('active')} is true")
    return FormCallback(
        is_active=is_active,
        by=by,
        scenario_id=reader.number_ref("scenario", known.scenario_directory),
        bitrix_user_id=reader.number_ref("employee", known.people),
        number=reader.phone("number"),
    )


def _parse_missed_message(reader: ObjectReader) -> MissedCallMessage:
    return MissedCallMessage(
        is_active=reader.yes_no("active", False),
        reader=reader.code("reader", ("operators", "client"), "operators"),
        text=parse_template(reader, "text", StreamKind.INCOMING),
    )
