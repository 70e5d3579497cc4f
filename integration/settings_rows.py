"""The rows of a credential ↔ the value of its settings. Only `integration.settings_document` calls this.

Where things live: flags of the tabs and options of a tab in `SettingsTab`, what streams share in columns of `Stream`,
what only some have in `Stream.options`. Options keep the names of the settings document, references as bare ids.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from integration.models import (
    Credential,
    EmployeeLink,
    FieldMapping,
    Filter,
    NameTemplate,
    NumberSettings,
    ResponsibleRule,
    SettingsTab,
    Stream,
)
from integration.rules.conditions import Tree, dump_tree, parse_tree
from integration.rules.facts import FACTS, Moment, StreamKind
from integration.rules.mapping_rows import MappingRow, Policy
from integration.rules.responsible import Assign, AssignTo
from integration.rules.ruleset import CALLS, CardMoment, CreateFor, CreateOptions, CreateWhat, NumberOptions
from integration.rules.settings_value import (
    EmployeeSetting,
    FormCallback,
    MissedCallMessage,
    NumberSetting,
    PersonalManager,
    RuleSettings,
    Settings,
    StreamSettings,
    TelephonySettings,
    default_settings,
    default_stream,
)
from integration.rules.titles import Title, parse_title

Options = Mapping[str, Any]


class BadRow(ValueError):
    """A stored row that was not written by a save of settings, or by one of a later version."""


def read_rows(credential: Credential) -> Settings:
    """The settings as the rows have them; what has no row has its default. Raises BadRow."""
    tabs = {tab.tab: tab for tab in credential.tabs.all()}
    main = tabs.get(SettingsTab.Tab.MAIN)
    chats = tabs.get(SettingsTab.Tab.CHATS)
    options: Options = main.options if main else {}
    default = default_settings()
    alerts = options.get("alerts", {})
    country = options.get("country", default.country)
    stored = {
        StreamKind(row.kind): row
        for row in credential.streams.select_related("filter").prefetch_related(
            "responsible_rules", "name_templates", "field_mappings"
        )
    }
    return Settings(
        streams={
            kind: _read_stream(stored[kind], country) if kind in stored else default_stream(kind) for kind in StreamKind
        },
        is_active=main is not None and main.is_active,
        country=country,
        client_order=tuple(options.get("client_order", default.client_order)),
        alert_user_ids=tuple(alerts.get("users", ())),
        alert_emails=tuple(alerts.get("emails", ())),
        employees=tuple(
            EmployeeSetting(link.uis_employee_id, link.bitrix_user_id, CardMoment(link.card), link.line or None)
            for link in credential.employee_links.filter(how=EmployeeLink.How.MANUAL).order_by("pk")
        ),
        telephony=_read_telephony(tabs.get(SettingsTab.Tab.TELEPHONY), credential),
        is_chats_active=chats is not None and chats.is_active,
    )


def write_rows(credential: Credential, settings: Settings) -> None:
    """Put these settings into the place of the present rows; inside a transaction.

    Matches of employees found automatically stay, except those of an employee or a user now matched by hand.
    """
    _write_tabs(credential, settings)
    credential.number_settings.all().delete()
    NumberSettings.objects.bulk_create(_number_row(credential, number) for number in settings.telephony.numbers)
    _write_employees(credential, settings.employees)
    credential.streams.all().delete()
    for stream in settings.streams.values():
        _write_stream(credential, stream)


def _write_tabs(credential: Credential, settings: Settings) -> None:
    main = {
        "country": settings.country,
        "client_order": list(settings.client_order),
        "alerts": {"users": list(settings.alert_user_ids), "emails": list(settings.alert_emails)},
    }
    tabs: tuple[tuple[str, bool, Options], ...] = (
        (SettingsTab.Tab.MAIN, settings.is_active, main),
        (SettingsTab.Tab.TELEPHONY, settings.telephony.is_active, _telephony_options(settings.telephony)),
        (SettingsTab.Tab.CHATS, settings.is_chats_active, {}),
    )
    credential.tabs.all().delete()
    SettingsTab.objects.bulk_create(
        SettingsTab(credential=credential, tab=tab, is_active=is_active, options=options)
        for tab, is_active, options in tabs
    )


def _telephony_options(telephony: TelephonySettings) -> Options:
    callback, message = telephony.form_callback, telephony.missed_call_message
    return {
        "mode": telephony.mode,
        "records": telephony.records,
        "number_as_source": telephony.number_as_source,
        "click_to_call": {"number": telephony.click_to_call_number},
        "form_callback": {
            "active": callback.is_active,
            "by": callback.by,
            "scenario": callback.scenario_id,
            "employee": callback.bitrix_user_id,
            "number": callback.number,
        },
        "missed_call_message": {"active": message.is_active, "reader": message.reader, "text": message.text.text},
    }


def _read_telephony(tab: SettingsTab | None, credential: Credential) -> TelephonySettings:
    default = TelephonySettings()
    options: Options = tab.options if tab else {}
    callback, message = options.get("form_callback", {}), options.get("missed_call_message", {})
    return TelephonySettings(
        is_active=tab is not None and tab.is_active,
        mode=options.get("mode", default.mode),
        records=options.get("records", default.records),
        number_as_source=options.get("number_as_source", default.number_as_source),
        numbers=tuple(
            NumberSetting(row.number, NumberOptions(row.source_id or None, row.pipeline_id, row.stage_id or None))
            for row in credential.number_settings.order_by("pk")
        ),
        click_to_call_number=options.get("click_to_call", {}).get("number"),
        form_callback=FormCallback(
            is_active=callback.get("active", default.form_callback.is_active),
            by=callback.get("by", default.form_callback.by),
            scenario_id=callback.get("scenario"),
            bitrix_user_id=callback.get("employee"),
            number=callback.get("number"),
        ),
        missed_call_message=MissedCallMessage(
            is_active=message.get("active", default.missed_call_message.is_active),
            reader=message.get("reader", default.missed_call_message.reader),
            text=_read_title(message.get("text", ""), StreamKind.INCOMING),
        ),
    )


def _number_row(credential: Credential, number: NumberSetting) -> NumberSettings:
    options = number.options
    return NumberSettings(
        credential=credential,
        number=number.number,
        source_id=options.source_id or "",
        pipeline_id=options.pipeline_id,
        stage_id=options.stage_id or "",
    )


def _write_employees(credential: Credential, employees: Iterable[EmployeeSetting]) -> None:
    employees = tuple(employees)
    links = credential.employee_links
    links.filter(how=EmployeeLink.How.MANUAL).delete()
    links.filter(uis_employee_id__in=[employee.uis_employee_id for employee in employees]).delete()
    taken = [employee.bitrix_user_id for employee in employees if employee.bitrix_user_id is not None]
    links.filter(bitrix_user_id__in=taken).delete()
    EmployeeLink.objects.bulk_create(
        EmployeeLink(
            credential=credential,
            uis_employee_id=employee.uis_employee_id,
            bitrix_user_id=employee.bitrix_user_id,
            how=EmployeeLink.How.MANUAL,
            card=employee.card.value,
            line=employee.line or "",
        )
        for employee in employees
    )


def _write_stream(credential: Credential, stream: StreamSettings) -> None:
    create = stream.create
    row = Stream.objects.create(
        credential=credential,
        kind=stream.kind.value,
        create_for=create.for_.value,
        create_what=create.what.value,
        item=create.item,
        pipeline_id=create.pipeline_id,
        stage_id=create.stage_id or "",
        source_id=create.source_id or "",
        moment=create.moment,
        second_open=create.second_open,
        default_responsible_id=stream.default_responsible_id,
        talked=stream.talked or "",
        notify=stream.notify,
        change_responsible_of=list(stream.change_responsible_of),
        options=_stream_options(stream),
    )
    if stream.filter is not None:
        Filter.objects.create(stream=row, conditions=dump_tree(stream.filter))
    ResponsibleRule.objects.bulk_create(_rule_row(row, place, rule) for place, rule in enumerate(stream.rules))
    NameTemplate.objects.bulk_create(
        NameTemplate(stream=row, result=result, text=title.text) for result, title in stream.titles.items()
    )
    FieldMapping.objects.bulk_create(_mapping_row(row, place, each) for place, each in enumerate(stream.mapping))


def _stream_options(stream: StreamSettings) -> dict[str, Any]:
    if stream.kind is StreamKind.INCOMING:
        manager = stream.personal_manager
        return {"personal_manager": {"active": manager.is_active, "only_at_work": manager.is_only_at_work}}
    options: dict[str, Any] = {}
    if stream.kind is StreamKind.CHAT:
        options["channels"] = "all" if stream.channels is None else list(stream.channels)
    if stream.kind not in CALLS:
        options["without_contacts"] = stream.without_contacts
    return options


def _rule_row(stream: Stream, position: int, rule: RuleSettings) -> ResponsibleRule:
    return ResponsibleRule(
        stream=stream,
        position=position,
        name=rule.name,
        is_active=rule.is_active,
        conditions=dump_tree(rule.when),
        assign=_dump_assign(rule.assign),
    )


def _dump_assign(assign: Assign) -> dict[str, Any]:
    """As in the document, with bare ids."""
    dumped: dict[str, Any] = {"to": assign.to.value}
    if assign.to is AssignTo.USER:
        dumped["user"] = assign.user_ids[0]
    elif assign.to is AssignTo.CLIENT_OWNER:
        dumped["order"] = list(assign.order)
    elif assign.to in (AssignTo.TALKED, AssignTo.RUNG):
        dumped["which"] = assign.which
    elif assign.to is AssignTo.SPREAD:
        dumped |= {"users": list(assign.user_ids), "only_at_work": assign.is_only_at_work}
    return dumped


def _read_assign(stored: Options) -> Assign:
    default = Assign(AssignTo(stored["to"]))
    return Assign(
        to=default.to,
        user_ids=tuple(stored.get("users", [stored["user"]] if "user" in stored else [])),
        order=tuple(stored.get("order", default.order)),
        which=stored.get("which", default.which),
        is_only_at_work=stored.get("only_at_work", default.is_only_at_work),
    )


def _mapping_row(stream: Stream, position: int, row: MappingRow) -> FieldMapping:
    return FieldMapping(
        stream=stream,
        position=position,
        fact=row.fact or "",
        constant=row.constant or "",
        object=row.object,
        field=row.field,
        policy=row.policy.value,
        values=dict(row.values),
        format=row.format or "",
    )


def _read_mapping(row: FieldMapping, kind: StreamKind) -> MappingRow:
    fact = FACTS.get(row.fact)
    return MappingRow(
        object=row.object,
        field=row.field,
        fact=row.fact or None,
        constant=row.constant or None,
        policy=Policy(row.policy),
        values=dict(sorted(row.values.items())),
        format=row.format or None,
        is_end_fact=fact is not None and fact.moments.get(kind) is Moment.END,
    )


def _read_stream(row: Stream, country: str) -> StreamSettings:
    kind = StreamKind(row.kind)
    default = default_stream(kind)
    channels = row.options.get("channels", "all")
    manager = row.options.get("personal_manager", {})
    titles = {template.result: _read_title(template.text, kind) for template in row.name_templates.all()}
    return StreamSettings(
        kind=kind,
        create=_read_create(row),
        filter=_read_tree(row.filter.conditions if hasattr(row, "filter") else None, kind, country),
        rules=tuple(
            RuleSettings(
                rule.name, _read_assign(rule.assign), _read_tree(rule.conditions, kind, country), rule.is_active
            )
            for rule in sorted(row.responsible_rules.all(), key=lambda rule: rule.position)
        ),
        talked=row.talked or None,
        default_responsible_id=row.default_responsible_id,
        change_responsible_of=tuple(row.change_responsible_of),
        titles={result: titles.get(result, built_in) for result, built_in in default.titles.items()},
        mapping=tuple(
            _read_mapping(each, kind) for each in sorted(row.field_mappings.all(), key=lambda each: each.position)
        ),
        notify=row.notify,
        without_contacts=row.options.get("without_contacts", default.without_contacts),
        channels=None if channels == "all" else tuple(channels),
        personal_manager=PersonalManager(
            is_active=manager.get("active", default.personal_manager.is_active),
            is_only_at_work=manager.get("only_at_work", default.personal_manager.is_only_at_work),
        ),
    )


def _read_create(row: Stream) -> CreateOptions:
    return CreateOptions(
        for_=CreateFor(row.create_for),
        what=CreateWhat(row.create_what),
        item=row.item,
        pipeline_id=row.pipeline_id,
        stage_id=row.stage_id or None,
        source_id=row.source_id or None,
        moment=row.moment,
        second_open=row.second_open,
    )


def _read_tree(stored: Any, kind: StreamKind, country: str) -> Tree | None:
    tree, faults = parse_tree(stored, stream=kind, country=country, path="conditions")
    if faults:
        # Without its conditions a filter would let everything pass.
        raise BadRow("; ".join(map(str, faults)))
    return tree


def _read_title(text: str, kind: StreamKind) -> Title:
    title, faults = parse_title(text, stream=kind, path="title")
    if faults:
        raise BadRow("; ".join(map(str, faults)))
    return title
