"""A value of settings → the settings document: every key in its order, references with their names."""

from collections.abc import Iterable
from typing import Any

from integration.rules.conditions import dump_tree
from integration.rules.document_streams import stage_owner, stage_owners
from integration.rules.facts import StreamKind
from integration.rules.known import Directory, Id, Known, StageOwner
from integration.rules.mapping_rows import dump_mapping
from integration.rules.responsible import Assign, AssignTo
from integration.rules.ruleset import CALLS, CreateOptions
from integration.rules.settings_value import (
    EmployeeSetting,
    NumberSetting,
    PersonalManager,
    RuleSettings,
    Settings,
    StreamSettings,
    TelephonySettings,
)

VERSION = 1


def dump_settings(settings: Settings, *, known: Known) -> dict[str, Any]:
    """Write settings as the document without `about`; parsing the answer gives the same settings.

    An id of which no synchronisation knows a name is written alone.
    """
    telephony = settings.telephony
    dumped = _dump_telephony(telephony, stage_owners(settings.streams), known)
    return {
        "version": VERSION,
        "main": _dump_main(settings, known),
        "telephony": dumped
        | {kind.value: _dump_stream(settings.streams[kind], known) for kind in StreamKind if kind in CALLS},
        "chats": {"active": settings.is_chats_active}
        | {kind.value: _dump_stream(settings.streams[kind], known) for kind in StreamKind if kind not in CALLS},
    }


def _dump_main(settings: Settings, known: Known) -> dict[str, Any]:
    return {
        "active": settings.is_active,
        "country": settings.country,
        "client_order": list(settings.client_order),
        "alerts": {"users": _refs(settings.alert_user_ids, known.people), "emails": list(settings.alert_emails)},
        "employees": [_dump_employee(employee, known) for employee in settings.employees],
    }


def _dump_employee(employee: EmployeeSetting, known: Known) -> dict[str, Any]:
    return {
        "uis": _ref(employee.uis_employee_id, known.employee_directory),
        "bitrix": _ref(employee.bitrix_user_id, known.people),
        "card": employee.card.value,
        "line": employee.line,
    }


def _dump_telephony(telephony: TelephonySettings, owners: tuple[StageOwner, ...], known: Known) -> dict[str, Any]:
    callback, message = telephony.form_callback, telephony.missed_call_message
    return {
        "active": telephony.is_active,
        "mode": telephony.mode,
        "records": telephony.records,
        "number_as_source": telephony.number_as_source,
        "numbers": [_dump_number(number, owners, known) for number in telephony.numbers],
        "click_to_call": {"number": telephony.click_to_call_number},
        "form_callback": {
            "active": callback.is_active,
            "by": callback.by,
            "scenario": _ref(callback.scenario_id, known.scenario_directory),
            "employee": _ref(callback.bitrix_user_id, known.people),
            "number": callback.number,
        },
        "missed_call_message": {"active": message.is_active, "reader": message.reader, "text": message.text.text},
    }


def _dump_number(number: NumberSetting, owners: tuple[StageOwner, ...], known: Known) -> dict[str, Any]:
    options = number.options
    stages = known.stages_of(owners if options.pipeline_id is None else (options.pipeline_id,))
    return {
        "number": number.number,
        "source": _ref(options.source_id, known.source_directory),
        "pipeline": _ref(options.pipeline_id, known.pipeline_directory),
        "stage": _ref(options.stage_id, stages),
    }


def _dump_stream(stream: StreamSettings, known: Known) -> dict[str, Any]:
    kind = stream.kind
    dumped: dict[str, Any] = {}
    if kind is StreamKind.INCOMING:
        dumped["personal_manager"] = _dump_manager(stream.personal_manager)
    if kind is StreamKind.CHAT:
        channels = stream.channels
        dumped["channels"] = "all" if channels is None else _refs(channels, known.channel_directory)
    dumped["filter"] = dump_tree(stream.filter)
    dumped["responsible"] = {"rules": [_dump_rule(rule, known) for rule in stream.rules]}
    if kind is StreamKind.OUTGOING:
        dumped["responsible"]["talked"] = stream.talked
    dumped["responsible"]["default"] = _ref(stream.default_responsible_id, known.people)
    dumped["create"] = _dump_create(stream.create, kind, known)
    if kind not in CALLS:
        dumped["without_contacts"] = stream.without_contacts
    return dumped | {
        "change_responsible_of": list(stream.change_responsible_of),
        "titles": {result: title.text for result, title in stream.titles.items()},
        "mapping": dump_mapping(stream.mapping),
        "notify": stream.notify,
    }


def _dump_manager(manager: PersonalManager) -> dict[str, Any]:
    return {"active": manager.is_active, "only_at_work": manager.is_only_at_work}


def _dump_rule(rule: RuleSettings, known: Known) -> dict[str, Any]:
    return {
        "name": rule.name,
        "active": rule.is_active,
        "when": dump_tree(rule.when),
        "assign": _dump_assign(rule.assign, known),
    }


def _dump_assign(assign: Assign, known: Known) -> dict[str, Any]:
    dumped: dict[str, Any] = {"to": assign.to.value}
    if assign.to is AssignTo.USER:
        dumped["user"] = _ref(assign.user_ids[0], known.people)
    elif assign.to is AssignTo.CLIENT_OWNER:
        dumped["order"] = list(assign.order)
    elif assign.to in (AssignTo.TALKED, AssignTo.RUNG):
        dumped["which"] = assign.which
    elif assign.to is AssignTo.SPREAD:
        dumped["users"] = _refs(assign.user_ids, known.people)
        dumped["only_at_work"] = assign.is_only_at_work
    return dumped


def _dump_create(create: CreateOptions, kind: StreamKind, known: Known) -> dict[str, Any]:
    return {
        "for": create.for_.value,
        **({} if kind in CALLS else {"what": create.what.value}),
        "item": create.item,
        "pipeline": _ref(create.pipeline_id, known.pipeline_directory),
        "stage": _ref(create.stage_id, known.stages_of((stage_owner(create),))),
        "source": _ref(create.source_id, known.source_directory),
        "moment": create.moment,
        "second_open": create.second_open,
    }


def _refs(ids: Iterable[Id], directory: Directory) -> list[Any]:
    return [_ref(id_, directory) for id_ in ids]


def _ref(id_: Id | None, directory: Directory) -> Any:
    entry = None if id_ is None else directory.find(id_)
    return id_ if entry is None else {"id": entry.id, "name": entry.name}
