"""A setting as the control that stands for it: its value, its choices, what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from integration.rules.facts import StreamKind
from integration.rules.known import Directory
from integration.rules.titles import TITLE_KEYS, default_title
from settings_ui.screen_choices import (
    Option,
    directory_of,
    facts_by_moment,
    id_of,
    label_of,
    options_of,
    owner_of_stages,
    stages_of,
)
from settings_ui.screen_edits import find, stream_of
from settings_ui.screen_fields import Field
from settings_ui.screen_form import split_path
from settings_ui.screen_preview import preview
from settings_ui.screen_sheet import Control, Sheet


def draw_fields(sheet: Sheet, declared: Iterable[Field], at: str) -> list[Control]:
    """The controls of settings below a path."""
    return [draw_field(sheet, field, at) for field in declared]


def draw_field(sheet: Sheet, field: Field, at: str) -> Control:
    """The control of a setting, with the value that stands in the document."""
    path = ".".join(part for part in (at, field.key) if part)
    return draw_value(sheet, field, path, sheet.value(path))


def draw_value(sheet: Sheet, field: Field, path: str, value: Any) -> Control:
    """The control of a setting that shows this value."""
    control = {
        "path": path,
        "name": f"{path}:{field.kind}",
        "id": sheet.place(path),
        "label": field.label,
        "hint": field.hint,
        "widget": field.widget,
        "value": value,
        "search": field.search,
        "refresh": field.refresh,
        "is_wide": field.is_wide,
        "errors": sheet.errors(path),
        "warnings": sheet.hints(path),
    }
    fill = _FILL.get(field.widget)
    if fill:
        fill(sheet, control, field)
    return control


def _fill_select(sheet: Sheet, control: Control, field: Field) -> None:
    options = _options(sheet, field, control["path"], control["value"])
    chosen = id_of(control["value"])
    control["value"] = "" if chosen is None else str(chosen)
    control["options"] = [*([("", field.none)] if field.none is not None else []), *options]
    if control["value"] not in {code for code, _label in control["options"]}:
        control["options"].append((control["value"], control["value"] or "–"))


def _fill_codes(sheet: Sheet, control: Control, field: Field) -> None:
    chosen = control["value"] if isinstance(control["value"], list) else []
    labels = dict(_options(sheet, field, control["path"], None))
    order = [code for code in labels if code in chosen]
    if order != chosen:
        # Written in another order, as a file may be: kept, or opening and saving would change something.
        labels = {str(code): labels.get(str(code), str(code)) for code in (*chosen, *labels)}
    control["options"] = [(code, label, code in chosen) for code, label in labels.items()]


def _fill_order(_sheet: Sheet, control: Control, field: Field) -> None:
    chosen = control["value"] if isinstance(control["value"], list) else []
    control["places"] = [*chosen, *[""] * (len(field.choices) - len(chosen))]
    control["options"] = [("", "–"), *field.choices]


def _fill_lines(_sheet: Sheet, control: Control, _field: Field) -> None:
    lines = control["value"] if isinstance(control["value"], list) else []
    control["value"] = "\n".join(map(str, lines))
    control["rows"] = min(8, max(2, len(lines) + 1))


def _fill_search(sheet: Sheet, control: Control, field: Field) -> None:
    control["value"] = label_of(control["value"], directory_of(field.search, sheet.known))


def _fill_searches(sheet: Sheet, control: Control, field: Field) -> None:
    chosen = control["value"] if isinstance(control["value"], list) else []
    directory = directory_of(field.search, sheet.known)
    control["values"] = [label_of(one, directory) for one in chosen if one != ""] + [""]


def _fill_channels(sheet: Sheet, control: Control, _field: Field) -> None:
    value = control["value"]
    directory = sheet.known.channel_directory
    chosen = {str(id_of(one)) for one in value} if isinstance(value, list) else set()
    options = options_of(directory, None)
    options += [(id_, _lost(directory, id_)) for id_ in chosen if id_ not in {code for code, _name in options}]
    control["is_all"] = value == "all"
    control["options"] = [(code, label, code in chosen) for code, label in options]


def _lost(directory: Directory, id_: str) -> str:
    found = directory.find(int(id_)) if id_.isdecimal() else None
    return _("{name} – больше нет").format(name=found.name) if found else id_


def _fill_title(_sheet: Sheet, control: Control, field: Field) -> None:
    path = control["path"]
    kind = StreamKind.INCOMING if path.startswith("telephony.missed") else stream_of(split_path(path))
    value = control["value"] if isinstance(control["value"], str) else ""
    control["value"] = value
    control["stream"] = kind.value
    language = (get_language() or "ru")[:2]
    if field.key in TITLE_KEYS[kind]:
        control["placeholder"] = default_title(language, kind, field.key).text
    control["preview"] = preview(value or control.get("placeholder", ""), kind, language)
    control["facts"] = facts_by_moment(kind, titles=True)


_FILL: Mapping[str, Callable[[Sheet, Control, Field], None]] = {
    "select": _fill_select,
    "radio": _fill_select,
    "codes": _fill_codes,
    "order": _fill_order,
    "lines": _fill_lines,
    "search": _fill_search,
    "searches": _fill_searches,
    "channels": _fill_channels,
    "title": _fill_title,
}


def _options(sheet: Sheet, field: Field, path: str, value: Any) -> list[Option]:
    if not isinstance(field.choices, str):
        return [(code, label) for code, label in field.choices]
    directory = _stages(sheet, path) if field.choices == "stages" else directory_of(field.choices, sheet.known)
    return options_of(directory, value)


def _stages(sheet: Sheet, path: str) -> Directory:
    above = split_path(path)[:-1]
    row = find(sheet.document, above)
    if above[-1] == "create":
        return stages_of(sheet.known, [owner_of_stages(row)])
    pipeline = id_of(row.get("pipeline")) if isinstance(row, dict) else None
    if isinstance(pipeline, int):
        return stages_of(sheet.known, [pipeline])
    creates = [sheet.value(f"telephony.{kind}.create") for kind in ("incoming", "outgoing")]
    return stages_of(sheet.known, dict.fromkeys(map(owner_of_stages, creates)))
