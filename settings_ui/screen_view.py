"""A settings document as the screen draws it: controls with their values, choices and faults.

Controls are plain dicts for the templates. Every control made is remembered by its path, so that each fault finds its
place: its own control, else the nearest thing above it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from integration.fact_names import operator_name
from integration.rules.condition_values import OPERATORS, takes_value
from integration.rules.conditions import MAX_DEPTH
from integration.rules.document_streams import ASSIGN_OF
from integration.rules.facts import FACTS, WEEKDAYS, Fact, FactType, Moment, StreamKind, choices_of, moment
from integration.rules.faults import Fault
from integration.rules.known import Directory, Known
from integration.rules.titles import TITLE_KEYS, default_title
from settings_ui import screen_fields as fields
from settings_ui.screen_choices import (
    UIS_LISTS,
    Option,
    code_name,
    directory_of,
    facts_by_moment,
    field_label,
    id_of,
    label_of,
    options_of,
    owner_of_stages,
    stages_of,
)
from settings_ui.screen_edits import find, join_of, stream_of
from settings_ui.screen_faults import word
from settings_ui.screen_fields import TABS, Field, Group, Section
from settings_ui.screen_form import split_path, to_form_path
from settings_ui.screen_preview import preview
from settings_ui.screen_summary import sentence_of_rule

Control = dict[str, Any]


def id_at(path: str) -> str:
    """The id of an element of the page, from a path."""
    return "f-" + path.replace("[", "-").replace("]", "").replace(".", "-")


class ScreenView:
    """Draws one document. `faults` and `warnings` are those of the last attempt to save."""

    def __init__(
        self, document: Mapping[str, Any], known: Known, *, faults: Iterable[Fault] = (), warnings: Iterable[Fault] = ()
    ) -> None:
        self.document = document
        self.known = known
        self.faults = [(to_form_path(fault.path), fault) for fault in faults]
        self.warnings = [(to_form_path(fault.path), fault) for fault in warnings]
        self.made: dict[str, str] = {}
        self.shown: set[int] = set()
        self.tabs = [
            {"code": tab.code, "title": tab.title, "groups": [self._group(group) for group in tab.groups]}
            for tab in TABS
        ]
        for tab in self.tabs:
            tab["faults"] = sum(path.partition(".")[0] == tab["code"] for path, _fault in self.faults)
        self.summary = [self._line(path, fault) for path, fault in self.faults]
        self.hints = [self._line(path, fault) for path, fault in self.warnings]

    def section(self, path: str) -> Control | None:
        """The section that is drawn anew after an edit."""
        groups = (group for tab in self.tabs for group in tab["groups"])
        return next((one for group in groups for one in group["sections"] if one["path"] == path), None)

    def _group(self, group: Group) -> Control:
        return {"code": group.code, "title": group.title, "sections": [self._section(one) for one in group.sections]}

    def _section(self, section: Section) -> Control:
        at = section.path
        draw = {
            "filter": self._filter,
            "responsible": self._responsible,
            "mapping": self._mapping,
            "numbers": self._rows,
            "employees": self._rows,
            "titles": self._titles,
        }.get(section.kind)
        self.made[at] = f"s-{id_at(at)}"
        more = draw(section) if draw else {"fields": self._fields(section.fields, at)}
        return {
            "path": at,
            "id": f"s-{id_at(at)}",
            "title": section.title,
            "hint": section.hint,
            "kind": section.kind,
            "errors": self._errors(at, exact=True),
            "is_open": at.count(".") < 1 or any(path.startswith(f"{at}.") for path, _fault in self.faults),
            "brief": self._brief(section),
            **more,
        }

    def _brief(self, section: Section) -> str:
        """What a closed section says of itself: how much is set there."""
        value = find(self.document, split_path(section.path))
        if section.kind == "filter":
            count = count_conditions(value)
            return _("условий: {count}").format(count=count) if count else _("проходит всё")
        if section.kind == "responsible":
            rules = find(value, ("rules",))
            return _("правил: {count}").format(count=len(rules) if isinstance(rules, list) else 0)
        if section.kind in ("mapping", "numbers", "employees"):
            return _("строк: {count}").format(count=len(value) if isinstance(value, list) else 0)
        return ""

    # --- plain controls

    def _fields(self, declared: Iterable[Field], at: str) -> list[Control]:
        return [self._field(field, at) for field in declared]

    def _field(self, field: Field, at: str, *, value: Any = None, given: bool = False) -> Control:
        path = ".".join(part for part in (at, field.key) if part)
        value = value if given else find(self.document, split_path(path))
        control = {
            "path": path,
            "name": f"{path}:{field.kind}",
            "id": id_at(path),
            "label": field.label,
            "hint": field.hint,
            "widget": field.widget,
            "value": value,
            "search": field.search,
            "refresh": field.refresh,
            "is_wide": field.is_wide,
            "errors": self._errors(path),
        }
        self.made[path] = control["id"]
        fill = getattr(self, f"_fill_{field.widget}", None)
        if fill:
            fill(control, field, path)
        return control

    def _fill_select(self, control: Control, field: Field, path: str) -> None:
        options = self._options(field, path, control["value"])
        chosen = id_of(control["value"])
        control["value"] = "" if chosen is None else str(chosen)
        control["options"] = [*([("", field.none)] if field.none is not None else []), *options]
        if control["value"] not in {code for code, _label in control["options"]}:
            control["options"].append((control["value"], control["value"] or "–"))

    _fill_radio = _fill_select

    def _fill_codes(self, control: Control, field: Field, path: str) -> None:
        chosen = control["value"] if isinstance(control["value"], list) else []
        labels = dict(self._options(field, path, None))
        order = [code for code in labels if code in chosen]
        if order != chosen:
            # Written in another order, as a file may be: kept, or opening and saving would change something.
            labels = {str(code): labels.get(str(code), str(code)) for code in (*chosen, *labels)}
        control["options"] = [(code, label, code in chosen) for code, label in labels.items()]

    def _fill_order(self, control: Control, field: Field, path: str) -> None:
        chosen = control["value"] if isinstance(control["value"], list) else []
        places = [*chosen, *[""] * (len(field.choices) - len(chosen))]
        control["places"] = places
        control["options"] = [("", "–"), *field.choices]

    def _fill_lines(self, control: Control, field: Field, path: str) -> None:
        lines = control["value"] if isinstance(control["value"], list) else []
        control["value"] = "\n".join(map(str, lines))
        control["rows"] = min(8, max(2, len(lines) + 1))

    def _fill_search(self, control: Control, field: Field, path: str) -> None:
        control["value"] = label_of(control["value"], directory_of(field.search, self.known))

    def _fill_searches(self, control: Control, field: Field, path: str) -> None:
        chosen = control["value"] if isinstance(control["value"], list) else []
        directory = directory_of(field.search, self.known)
        control["values"] = [label_of(one, directory) for one in chosen if one != ""] + [""]

    def _fill_channels(self, control: Control, field: Field, path: str) -> None:
        value = control["value"]
        chosen = {str(id_of(one)) for one in value} if isinstance(value, list) else set()
        options = options_of(self.known.channel_directory, None)
        options += [(id_, self._lost(id_)) for id_ in chosen if id_ not in {code for code, _name in options}]
        control["is_all"] = value == "all"
        control["options"] = [(code, label, code in chosen) for code, label in options]

    def _lost(self, id_: str) -> str:
        found = self.known.channel_directory.find(int(id_)) if id_.isdecimal() else None
        return _("{name} – больше нет").format(name=found.name) if found else id_

    def _fill_title(self, control: Control, field: Field, path: str) -> None:
        kind = StreamKind.INCOMING if path.startswith("telephony.missed") else stream_of(split_path(path))
        value = control["value"] if isinstance(control["value"], str) else ""
        control["value"] = value
        control["stream"] = kind.value
        language = get_language() or "ru"
        if field.key in TITLE_KEYS[kind]:
            control["placeholder"] = default_title(language[:2], kind, field.key).text
        control["preview"] = preview(value or control.get("placeholder", ""), kind, language[:2])
        control["facts"] = facts_by_moment(kind, titles=True)

    def _options(self, field: Field, path: str, value: Any) -> list[Option]:
        if not isinstance(field.choices, str):
            return [(code, label) for code, label in field.choices]
        directory = self._stages(path) if field.choices == "stages" else directory_of(field.choices, self.known)
        return options_of(directory, value)

    def _stages(self, path: str) -> Directory:
        above = split_path(path)[:-1]
        row = find(self.document, above)
        if above[-1] == "create":
            return stages_of(self.known, [owner_of_stages(row)])
        pipeline = id_of(row.get("pipeline")) if isinstance(row, dict) else None
        if isinstance(pipeline, int):
            return stages_of(self.known, [pipeline])
        creates = [find(self.document, ("telephony", kind, "create")) for kind in ("incoming", "outgoing")]
        return stages_of(self.known, dict.fromkeys(map(owner_of_stages, creates)))

    # --- rows

    def _rows(self, section: Section) -> Control:
        rows = find(self.document, split_path(section.path))
        rows = rows if isinstance(rows, list) else []
        paths = [f"{section.path}[{index}]" for index in range(len(rows))]
        return {
            "rows": [
                {
                    "path": at,
                    "id": id_at(at),
                    "fields": self._fields(section.fields, at),
                    "errors": self._row_errors(at),
                }
                for at in paths
            ]
        }

    def _titles(self, section: Section) -> Control:
        return {"fields": self._fields(section.fields, section.path)}

    def _mapping(self, section: Section) -> Control:
        rows = find(self.document, split_path(section.path))
        kind = stream_of(split_path(section.path))
        facts = facts_by_moment(kind)
        rows = rows if isinstance(rows, list) else []
        return {"rows": [self._mapping_row(f"{section.path}[{i}]", row, kind, facts) for i, row in enumerate(rows)]}

    def _mapping_row(self, at: str, row: Any, kind: StreamKind, facts: Any) -> Control:
        row = row if isinstance(row, dict) else {}
        fact = FACTS.get(str(row.get("fact")))
        source = self._field(Field("fact", _("Откуда"), kind="some", refresh=True), at)
        source |= {"widget": "fact", "groups": facts, "none": _("Постоянное значение"), "value": row.get("fact") or ""}
        object_ = row.get("object") if isinstance(row.get("object"), str) else "lead"
        target = self._field(Field("field", _("Поле"), widget="field", kind="field", search=f"fields.{object_}"), at)
        known = self.known.fields.get(str(object_), {}).get(str(row.get("field")))
        if known:
            target["value"] = field_label(known)
            target["hint"] = (
                _("Такого поля на портале больше нет: строка пропускается.") if known.is_gone else known.kind
            )
        elif not isinstance(target["value"], str):
            target["value"] = ""
        target["widget"] = "search"
        controls = [
            source,
            *([] if row.get("fact") else [self._field(Field("constant", _("Значение")), at)]),
            self._field(fields.one_of("object", _("Куда"), fields.OBJECTS, refresh=True), at),
            target,
            self._field(fields.one_of("policy", _("Когда писать"), fields.POLICIES), at),
        ]
        if (fact and fact.type is FactType.DATETIME) or row.get("format"):
            controls.append(self._field(Field("format", _("Вид даты"), "%d.%m.%Y %H:%M", kind="null"), at))
        values = row.get("values") if isinstance(row.get("values"), dict) else {}
        self.made[f"{at}.values"] = id_at(f"{at}.values")
        return {
            "path": at,
            "id": id_at(at),
            "fields": controls,
            "errors": self._row_errors(at),
            "values": {
                "name": f"{at}.values:pairs",
                "path": f"{at}.values",
                "id": id_at(f"{at}.values"),
                "pairs": list(values.items()),
                "suggestions": self._codes(fact, kind),
                "errors": self._errors(f"{at}.values"),
            },
        }

    # --- conditions

    def _filter(self, section: Section) -> Control:
        return {"tree": self._tree(section.path)}

    def _tree(self, path: str) -> Control:
        value = find(self.document, split_path(path))
        kind = stream_of(split_path(path))
        self.made[path] = id_at(path)
        if join_of(value) is None:
            return {"path": path, "id": id_at(path), "is_none": True, "errors": self._errors(path)}
        return self._node(path, value, kind, facts_by_moment(kind), 1)

    def _node(self, path: str, value: Any, kind: StreamKind, facts: Any, depth: int) -> Control:
        join = join_of(value)
        self.made[path] = id_at(path)
        if join is None:
            return self._condition(path, value if isinstance(value, dict) else {}, kind, facts)
        nodes = value[join] if isinstance(value[join], list) else []
        self.made[f"{path}.nodes"] = id_at(path)
        return {
            "is_group": True,
            "path": path,
            "id": id_at(path),
            "join": self._field(fields.one_of("join", _("Группа"), fields.JOINS), path, value=join, given=True),
            "nodes": [self._node(f"{path}.nodes[{i}]", one, kind, facts, depth + 1) for i, one in enumerate(nodes)],
            "depth": depth,
            "may_nest": depth < MAX_DEPTH,
            "errors": [*self._errors(path, exact=True), *self._errors(f"{path}.nodes", exact=True)],
        }

    def _condition(self, path: str, value: dict[str, Any], kind: StreamKind, facts: Any) -> Control:
        fact = FACTS.get(str(value.get("fact")))
        source = self._field(Field("fact", _("Что проверить"), refresh=True), path)
        source |= {"widget": "fact", "groups": facts}
        allowed = OPERATORS[fact.type] if fact else ()
        operators = tuple((op, operator_name(op)) for op in allowed)
        op = str(value.get("op"))
        operator = self._field(fields.one_of("op", _("Как сравнить"), operators, refresh=True), path)
        return {
            "path": path,
            "id": id_at(path),
            "controls": [source, operator, *(self._values(path, fact, op, kind) if fact and takes_value(op) else [])],
            "is_end": fact is not None and moment(fact, kind) is Moment.END,
            "errors": self._errors(path, exact=True),
        }

    def _values(self, path: str, fact: Fact, op: str, kind: StreamKind) -> list[Control]:
        plain = Field("value", _("Значение"))
        if op == "between":
            self.made[f"{path}.value"] = id_at(f"{path}.value[0]")
            reads = "number" if fact.type in (FactType.NUMBER, FactType.DURATION) else "text"
            both = [
                self._field(Field(f"value[{i}]", label, kind=reads), path) for i, label in enumerate((_("от"), _("до")))
            ]
            for control in both:
                control |= {"input_type": _INPUT_TYPES.get(fact.type, "text"), "value": control["value"]}
            both[0]["errors"] += self._errors(f"{path}.value", exact=True)
            return both
        codes = self._codes(fact, kind)
        if op in ("in", "not_in", "has_all"):
            if codes:
                return [
                    self._field(Field("value", _("Значения"), widget="codes", kind="codes", choices=tuple(codes)), path)
                ]
            hint = _("По одному в строке.")
            return [self._field(Field("value", _("Значения"), hint, widget="lines", kind="lines"), path)]
        if fact.type is FactType.YES_NO:
            value = find(self.document, split_path(f"{path}.value"))
            options = (("1", _("да")), ("0", _("нет")))
            field = fields.one_of("value", _("Значение"), options, kind="yes")
            return [self._field(field, path, value="1" if value is True else "0", given=True)]
        if codes:
            return [self._field(fields.one_of("value", _("Значение"), tuple(codes), kind="text"), path)]
        if fact.type in (FactType.NUMBER, FactType.DURATION):
            plain = Field("value", _("Секунд") if fact.type is FactType.DURATION else _("Значение"), kind="number")
        if fact.name in UIS_LISTS:
            plain = replace(plain, search=fact.name)
        control = self._field(plain, path)
        control["input_type"] = _INPUT_TYPES.get(fact.type, "text")
        return [control]

    def _codes(self, fact: Fact | None, kind: StreamKind) -> list[Option]:
        if fact is None:
            return []
        codes = WEEKDAYS if fact.type is FactType.WEEKDAY else choices_of(fact, kind)
        return [(code, code_name(code)) for code in codes]

    # --- responsible

    def _responsible(self, section: Section) -> Control:
        rules = find(self.document, split_path(f"{section.path}.rules"))
        rules = rules if isinstance(rules, list) else []
        kind = stream_of(split_path(section.path))
        self.made[f"{section.path}.rules"] = f"s-{id_at(section.path)}"
        return {
            "list_path": f"{section.path}.rules",
            "rules": [self._rule(f"{section.path}.rules[{i}]", rule, kind) for i, rule in enumerate(rules)],
            "fields": self._fields(section.fields, section.path),
        }

    def _rule(self, at: str, rule: Any, kind: StreamKind) -> Control:
        rule = rule if isinstance(rule, dict) else {}
        assign = rule.get("assign") if isinstance(rule.get("assign"), dict) else {}
        self.made[at] = id_at(at)
        warnings = [word(fault.message) for path, fault in self.warnings if path == at]
        return {
            "path": at,
            "id": id_at(at),
            "fields": self._fields(fields.RULE_FIELDS, at),
            "tree": self._tree(f"{at}.when"),
            "assign": self._assign(f"{at}.assign", assign, kind),
            "sentence": sentence_of_rule(rule, self.known),
            "errors": [*self._errors(at, exact=True), *self._errors(f"{at}.assign", exact=True)],
            "warnings": warnings,
        }

    def _assign(self, at: str, assign: dict[str, Any], kind: StreamKind) -> list[Control]:
        offered = tuple(map(str, ASSIGN_OF[kind]))
        choices = tuple((code, label) for code, label in fields.ASSIGN if code in offered)
        to = assign.get("to")
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
        return self._fields((chosen, *more.get(to, ())), at)

    # --- faults

    def _errors(self, path: str, *, exact: bool = False) -> list[str]:
        found = []
        for number, (at, fault) in enumerate(self.faults):
            if at == path or (not exact and at.startswith((f"{path}[", f"{path}."))):
                self.shown.add(number)
                found.append(word(fault.message))
        return found

    def _row_errors(self, path: str) -> list[str]:
        self.made[path] = id_at(path)
        return self._errors(path, exact=True)

    def _line(self, path: str, fault: Fault) -> Control:
        above = path
        while above and above not in self.made:
            above = above[: max(above.rfind("."), above.rfind("["), 0)]
        return {
            "target": self.made.get(above, ""),
            "tab": path.partition(".")[0],
            "where": name_of_path(path),
            "message": word(fault.message),
        }


_INPUT_TYPES: Mapping[FactType, str] = {
    FactType.DATETIME: "datetime-local",
    FactType.TIME_OF_DAY: "time",
    FactType.PHONE: "tel",
}


def count_conditions(value: Any) -> int:
    """How many conditions a tree holds."""
    join = join_of(value)
    if join is None:
        return int(isinstance(value, dict))
    return sum(map(count_conditions, value[join])) if isinstance(value[join], list) else 0


def name_of_path(path: str) -> str:
    """A place in the document, in the words of the screen: "Входящие звонки › Фильтр"."""
    form_path = to_form_path(path)
    names: list[str] = []
    for tab in TABS:
        if form_path.partition(".")[0] != tab.code:
            continue
        names.append(str(tab.title))
        for group in tab.groups:
            found = _within(form_path, group)
            if found:
                return " › ".join(dict.fromkeys([*names, *found]))
    return " › ".join(names) or path


def _within(path: str, group: Group) -> list[str]:
    best: list[str] = []
    longest = -1
    for section in group.sections:
        for field in (*section.fields, None):
            at = ".".join(part for part in (section.path, field.key if field else "") if part)
            if (path == at or path.startswith((f"{at}.", f"{at}["))) and len(at) >= longest:
                is_whole_tab = field is None and section.path.count(".") == 0 and path != at
                if is_whole_tab:
                    continue
                longest = len(at)
                best = [str(name) for name in (group.title, section.title, field.label if field else "") if str(name)]
    return best
