"""Values of settings in the words of the screen, for what has changed."""

from typing import Any

from django.utils.translation import gettext as _

from integration.fact_names import fact_name
from integration.rules.known import Known
from settings_ui import screen_fields as fields
from settings_ui.screen_choices import directory_of, id_of
from settings_ui.screen_fields import Field
from settings_ui.screen_merge import ABSENT, Difference, compare
from settings_ui.screen_names import field_at, name_of_path
from settings_ui.screen_summary import sentence_of_rule, sentence_of_tree

NOTHING = "–"
_DIRECTORIES = ("people", "employees", "pipelines", "sources", "scenarios", "channels")


def say_changes(old: Any, new: Any, known: Known) -> list[dict[str, str]]:
    """Differences of two documents: where, old, new."""
    told = [say_difference(one, known) for one in compare(old, new, old)]
    return [{"where": one["where"], "path": one["path"], "old": one["base"], "new": one["mine"]} for one in told]


def say_difference(one: Difference, known: Known) -> dict[str, Any]:
    """A setting in three versions, in words."""
    sides = {side: say(one.path, getattr(one, side), known) for side in ("base", "mine", "theirs")}
    flags = {flag: getattr(one, flag) for flag in ("is_mine", "is_theirs", "is_conflict")}
    return {"where": name_of_path(one.path), "path": one.path, **sides, **flags}


def say(path: str, value: Any, known: Known) -> str:
    """A value as people would read it aloud."""
    if value is ABSENT:
        return NOTHING
    if path.endswith(".filter"):
        return sentence_of_tree(value) or _("проходит всё")
    if path.endswith(".rules"):
        return " ".join(_rule(rule, known) for rule in value or ()) or NOTHING
    if isinstance(value, dict):
        return _row(value, known)
    return _field(field_at(path), value, known)


def _rule(rule: Any, known: Known) -> str:
    if not isinstance(rule, dict):
        return str(rule)
    off = "" if rule.get("active", True) else _(" (выключено)")
    return f"«{rule.get('name')}»{off}: {sentence_of_rule(rule, known)}"


def _row(row: dict[str, Any], known: Known) -> str:
    if "object" in row:
        return _mapping(row, known)
    declared = fields.EMPLOYEE_FIELDS if "uis" in row else fields.NUMBER_FIELDS
    return ", ".join(_field(one, row.get(one.key), known) for one in declared if row.get(one.key) is not None)


def _mapping(row: dict[str, Any], known: Known) -> str:
    source = f"«{row['constant']}»" if row.get("constant") else fact_name(str(row.get("fact")))
    object_, policy = dict(fields.OBJECTS).get(str(row["object"])), dict(fields.POLICIES).get(str(row.get("policy")))
    field = known.fields.get(str(row["object"]), {}).get(str(row.get("field")))
    return f"{source} → {object_}, {field.title if field else row.get('field')}: {policy}"


def _field(field: Field | None, value: Any, known: Known) -> str:
    if isinstance(value, bool):
        return _("да") if value else _("нет")
    if value in (None, "", []):
        return str(field.none) if field and field.none else NOTHING
    if isinstance(value, list):
        return ", ".join(_field(field, one, known) for one in value)
    return str(value) if field is None else _chosen(field, value, known)


def _chosen(field: Field, value: Any, known: Known) -> str:
    if field.choices == "stages":
        return _stage(value, known)
    if isinstance(field.choices, str):
        return _("Все каналы") if value == "all" else _found(field.choices, value, known)
    return str(dict(field.choices).get(value) or _found(field.search, value, known))


def _found(name: str, value: Any, known: Known) -> str:
    if name not in _DIRECTORIES:
        return str(value)
    entry = directory_of(name, known).find(id_of(value))
    return entry.name if entry else str(value)


def _stage(value: Any, known: Known) -> str:
    names = (entry.name for entries in known.stages.values() for entry in entries if entry.id == value)
    return next(names, str(value))
