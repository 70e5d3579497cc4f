"""The rows that hold an administrator's settings → the frozen ruleset that decisions read."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from crm_bitrix.models import BitrixItem
from integration.models import Credential, SettingsTab, Stream
from integration.rules.conditions import Check, compile_tree, holds_end_fact, parse_tree
from integration.rules.facts import StreamKind
from integration.rules.responsible import OWNER_ORDER, Assign, AssignTo, Rule
from integration.rules.ruleset import (
    CardMoment,
    CreateFor,
    CreateOptions,
    CreateWhat,
    CrmMode,
    Employee,
    NumberOptions,
    Ruleset,
    StreamRules,
    TelephonyOptions,
    make_stream,
)
from integration.rules.titles import Title, parse_title

CALLS = (StreamKind.INCOMING, StreamKind.OUTGOING)


def load(credential: Credential) -> Ruleset:
    """The ruleset of a credential as it stands."""
    portal = credential.portal
    tabs = {tab.tab: tab for tab in credential.tabs.all()}
    main, telephony = _options(tabs.get("main")), _options(tabs.get("telephony"))
    country = main.get("country", "RU")
    is_on = _is_active(tabs, "main")
    streams = {kind: make_stream(kind, is_active=False, default_responsible_id=None) for kind in StreamKind}
    rows = credential.streams.select_related("filter").prefetch_related("responsible_rules", "name_templates")
    for row in rows:
        tab = "telephony" if row.kind in CALLS else "chats"
        streams[StreamKind(row.kind)] = _stream(
            row, is_active=is_on and _is_active(tabs, tab), country=country, zone=credential.zone
        )
    users = BitrixItem.objects.filter(portal=portal, kind=BitrixItem.Kind.USER, missing_since__isnull=True)
    active = {int(code) for code, data in users.values_list("code", "data") if data.get("is_active", True)}
    return Ruleset(
        revision=credential.revision,
        streams=streams,
        language=portal.language,
        crm_mode=CrmMode(portal.crm_mode),
        portal_domain=portal.domain,
        zone=credential.zone,
        country=country,
        client_order=tuple(main.get("client_order", ("contact", "company", "lead"))),
        employees=_employees(credential),
        active_user_ids=frozenset(active) if active else None,
        fallback_user_id=portal.token_user_id,
        telephony=TelephonyOptions(
            mode=telephony.get("mode", "ip"),
            records=telephony.get("records", True),
            number_as_source=telephony.get("number_as_source", False),
            numbers=_numbers(credential),
        ),
    )


def _options(tab: SettingsTab | None) -> Mapping[str, Any]:
    return tab.options if tab else {}


def _is_active(tabs: Mapping[str, SettingsTab], name: str) -> bool:
    return name in tabs and tabs[name].is_active


def _employees(credential: Credential) -> dict[int, Employee]:
    return {
        link.uis_employee_id: Employee(link.bitrix_user_id, CardMoment(link.card), link.line or None)
        for link in credential.employee_links.all()
    }


def _numbers(credential: Credential) -> dict[str, NumberOptions]:
    return {
        row.number: NumberOptions(row.source_id or None, row.pipeline_id, row.stage_id or None)
        for row in credential.number_settings.all()
    }


def _stream(row: Stream, *, is_active: bool, country: str, zone: tzinfo) -> StreamRules:
    kind = StreamKind(row.kind)
    conditions = row.filter.conditions if hasattr(row, "filter") else None
    check, needs_end = _check(conditions, kind, country, zone)
    return StreamRules(
        kind=kind,
        is_active=is_active,
        filter=check,
        filter_needs_end=needs_end,
        rules=tuple(
            _rule(rule, kind, country, zone)
            for rule in sorted(row.responsible_rules.all(), key=lambda rule: rule.position)
        ),
        talked=row.talked or None,
        default_responsible_id=row.default_responsible_id,
        create=CreateOptions(
            for_=CreateFor(row.create_for),
            what=CreateWhat(row.create_what),
            item=row.item,
            pipeline_id=row.pipeline_id,
            stage_id=row.stage_id or None,
            source_id=row.source_id or None,
            moment=row.moment,
            second_open=row.second_open,
        ),
        titles={template.result: _title(template.text, kind) for template in row.name_templates.all()},
        notify=row.notify,
        change_responsible_of=frozenset(row.change_responsible_of),
    )


def _check(conditions: Any, kind: StreamKind, country: str, zone: tzinfo) -> tuple[Check | None, bool]:
    """A stored tree, compiled. Raises ValueError for one that was never validated."""
    tree, faults = parse_tree(conditions, stream=kind, country=country, path="conditions")
    if faults:
        raise ValueError("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
    return (compile_tree(tree, zone=zone), holds_end_fact(tree, kind)) if tree else (None, False)


def _rule(row: Any, kind: StreamKind, country: str, zone: tzinfo) -> Rule:
    check, needs_end = _check(row.conditions, kind, country, zone)
    assign = row.assign
    users = assign.get("users") or ([assign["user"]] if assign.get("user") else [])
    return Rule(
        name=row.name,
        assign=Assign(
            to=AssignTo(assign["to"]),
            user_ids=tuple(int(user["id"] if isinstance(user, dict) else user) for user in users),
            order=tuple(assign.get("order", OWNER_ORDER)),
            which=assign.get("which", "last"),
            is_only_at_work=assign.get("only_at_work", False),
        ),
        check=check,
        holds_end_fact=needs_end,
        is_active=row.is_active,
    )


def _title(text: str, kind: StreamKind) -> Title:
    title, faults = parse_title(text, stream=kind, path="title")
    if faults:
        raise ValueError("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
    return title
