"""Sections of the settings that are more than fields: filters, rows of fields, mapping rows, responsible rules."""

from typing import Any

from django.utils.translation import gettext as _

from integration.rules.document_streams import ASSIGN_OF
from integration.rules.facts import FACTS, FactType, StreamKind
from settings_ui import screen_fields as fields
from settings_ui.screen_choices import facts_by_moment, field_label
from settings_ui.screen_controls import draw_field, draw_fields
from settings_ui.screen_edits import stream_of
from settings_ui.screen_fields import Field, Section
from settings_ui.screen_form import split_path
from settings_ui.screen_presets import presets_of
from settings_ui.screen_sheet import Control, Sheet, id_at
from settings_ui.screen_summary import sentence_of_rule
from settings_ui.screen_trees import codes_of, draw_tree


def draw_filter(sheet: Sheet, section: Section) -> Control:
    """The conditions of a stream, and the ready-made ones that it may take."""
    offered = presets_of(stream_of(split_path(section.path)))
    return {
        "tree": draw_tree(sheet, section.path),
        "presets": [(code, label) for code, label in fields.PRESETS if code in offered],
    }


def draw_rows(sheet: Sheet, section: Section) -> Control:
    """Rows that have the fields of their section: numbers, employees."""
    return {"rows": [_row(sheet, at, draw_fields(sheet, section.fields, at)) for at in _paths(sheet, section.path)]}


def draw_mapping(sheet: Sheet, section: Section) -> Control:
    """What goes into which field of the CRM."""
    facts = facts_by_moment(stream_of(split_path(section.path)))
    return {"rows": [_mapping_row(sheet, at, facts) for at in _paths(sheet, section.path)]}


def draw_rules(sheet: Sheet, section: Section) -> Control:
    """The responsible rules of a stream, and what follows when none fits."""
    path = f"{section.path}.rules"
    sheet.place(path, f"s-{id_at(section.path)}")
    return {
        "list_path": path,
        "rules": [_rule(sheet, at, stream_of(split_path(path))) for at in _paths(sheet, path)],
        "fields": draw_fields(sheet, section.fields, section.path),
    }


def _paths(sheet: Sheet, path: str) -> list[str]:
    return [f"{path}[{index}]" for index in range(len(sheet.rows(path)))]


def _row(sheet: Sheet, at: str, controls: list[Control]) -> Control:
    return {"path": at, "id": sheet.place(at), "fields": controls, "errors": sheet.errors(at, exact=True)}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _mapping_row(sheet: Sheet, at: str, facts: Any) -> Control:
    row = _dict(sheet.value(at))
    fact = FACTS.get(str(row.get("fact")))
    source = draw_field(sheet, Field("fact", _("Откуда"), kind="some", refresh=True), at)
    source |= {"widget": "fact", "groups": facts, "none": _("Постоянное значение"), "value": row.get("fact") or ""}
    controls = [
        source,
        *([] if row.get("fact") else [draw_field(sheet, Field("constant", _("Значение")), at)]),
        draw_field(sheet, fields.one_of("object", _("Куда"), fields.OBJECTS, refresh=True), at),
        _target(sheet, at, row),
        draw_field(sheet, fields.one_of("policy", _("Когда писать"), fields.POLICIES), at),
    ]
    if (fact and fact.type is FactType.DATETIME) or row.get("format"):
        controls.append(draw_field(sheet, Field("format", _("Вид даты"), "%d.%m.%Y %H:%M", kind="null"), at))
    path = f"{at}.values"
    return _row(sheet, at, controls) | {
        "values": {
            "name": f"{path}:pairs",
            "path": path,
            "id": sheet.place(path),
            "pairs": list(_dict(row.get("values")).items()),
            "suggestions": codes_of(fact, stream_of(split_path(at))),
            "errors": sheet.errors(path),
        },
    }


def _target(sheet: Sheet, at: str, row: dict[str, Any]) -> Control:
    """The field of the CRM: searched for by its title, shown with its type, marked when it is gone."""
    object_ = row.get("object") if isinstance(row.get("object"), str) else "lead"
    target = draw_field(sheet, Field("field", _("Поле"), widget="field", kind="field", search=f"fields.{object_}"), at)
    known = sheet.known.fields.get(str(object_), {}).get(str(row.get("field")))
    if known:
        gone = _("Такого поля на портале больше нет: строка пропускается.")
        target |= {"value": field_label(known), "hint": gone if known.is_gone else known.kind}
    elif not isinstance(target["value"], str):
        target["value"] = ""
    return target | {"widget": "search"}


def _rule(sheet: Sheet, at: str, kind: StreamKind) -> Control:
    rule = _dict(sheet.value(at))
    return _row(sheet, at, draw_fields(sheet, fields.RULE_FIELDS, at)) | {
        "tree": draw_tree(sheet, f"{at}.when"),
        "assign": _assign(sheet, f"{at}.assign", kind),
        "sentence": sentence_of_rule(rule, sheet.known),
        "name": rule.get("name", ""),
        "is_active": rule.get("active", True) is True,
        "is_open": bool(sheet.errors(at)),
        "errors": [*sheet.errors(at, exact=True), *sheet.errors(f"{at}.assign", exact=True)],
        "warnings": sheet.hints(at, exact=True),
    }


def _assign(sheet: Sheet, at: str, kind: StreamKind) -> list[Control]:
    offered = tuple(map(str, ASSIGN_OF[kind]))
    choices = tuple((code, label) for code, label in fields.ASSIGN if code in offered)
    more: dict[Any, tuple[Field, ...]] = {
        "user": (fields.person("user", _("Кто")),),
        "client_owner": (
            Field("order", _("В каком порядке искать"), widget="order", kind="codes", choices=fields.OWNERS),
        ),
        "talked": (fields.one_of("which", _("Кто именно"), fields.TALKED),),
        "rung": (fields.one_of("which", _("Кто именно"), fields.RUNG),),
        "spread": (
            Field("users", _("Между кем"), widget="searches", kind="ids", search="people"),
            fields.yes("only_at_work", _("Только тех, чей рабочий день открыт")),
        ),
    }
    chosen = fields.one_of("to", _("Назначить"), choices, refresh=True)
    return draw_fields(sheet, (chosen, *more.get(_dict(sheet.value(at)).get("to"), ())), at)
