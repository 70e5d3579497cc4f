"""A responsible rule as one sentence: "Если … – назначить …"."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from integration.fact_names import fact_name, operator_name
from integration.rules.known import Known
from settings_ui import screen_fields as fields
from settings_ui.screen_choices import code_name, label_of
from settings_ui.screen_edits import join_of

SHOWN_CONDITIONS = 4
SHOWN_VALUES = 3


def sentence_of_rule(rule: Mapping[str, Any], known: Known) -> str:
    """Say a rule in words, as far as it can be read."""
    whom = _whom(rule.get("assign"), known)
    when = sentence_of_tree(rule.get("when"))
    if not when:
        return _("Всегда назначить: {whom}.").format(whom=whom)
    return _("Если {when}, назначить: {whom}.").format(when=when, whom=whom)


def sentence_of_tree(value: Any) -> str:
    """Say conditions in words, "" for none."""
    join = join_of(value)
    if join is None:
        return _condition(value) if isinstance(value, dict) else ""
    nodes = value[join] if isinstance(value[join], list) else []
    parts = [f"({part})" if join_of(node) else part for node in nodes if (part := sentence_of_tree(node))]
    shown = parts[:SHOWN_CONDITIONS] + (["…"] if len(parts) > SHOWN_CONDITIONS else [])
    return (_(" и ") if join == "all" else _(" или ")).join(shown)


def _condition(node: Mapping[str, Any]) -> str:
    value = node.get("value")
    values = value if isinstance(value, list) else [] if value is None else [value]
    words = [_word(each) for each in values]
    between = _(" и ") if node.get("op") == "between" else ", "
    shown = between.join(words[:SHOWN_VALUES]) + ("…" if len(words) > SHOWN_VALUES else "")
    return f"{fact_name(str(node.get('fact')))} {operator_name(str(node.get('op')))} {shown}".strip()


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return _("да") if value else _("нет")
    return f"«{code_name(str(value))}»"


def _whom(assign: Any, known: Known) -> str:
    assign = assign if isinstance(assign, dict) else {}
    to = assign.get("to")
    if to == "user":
        return label_of(assign.get("user"), known.people) or _("никого: сотрудник не выбран")
    if to == "spread":
        people = assign.get("users") if isinstance(assign.get("users"), list) else []
        return _("поровну между: {names}").format(names=", ".join(label_of(one, known.people) for one in people) or "–")
    choices = fields.TALKED if to == "talked" else fields.RUNG if to == "rung" else ()
    which = dict(choices).get(str(assign.get("which")))
    name = str(which or dict(fields.ASSIGN).get(str(to), "–"))
    return name[:1].lower() + name[1:]
