"""What the controls of the screen offer: lists for selects, answers to what is searched for, names of facts."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration.fact_names import FACT_NAMES, fact_name
from integration.models import Credential, UisItem
from integration.rules.condition_tests import fold_text
from integration.rules.facts import Fact, Moment, StreamKind, facts_of, moment
from integration.rules.field_values import FieldInfo, is_supported
from integration.rules.known import DEFAULT_PIPELINE_ID, LEADS, Directory, Entry, Known, StageOwner
from integration.rules.mapping_rows import OBJECTS

SHOWN = 50
Option = tuple[str, str]

CODE_NAMES: Mapping[str, Any] = {
    "answered": gettext_lazy("отвечен"),
    "missed": gettext_lazy("пропущен"),
    "unanswered": gettext_lazy("нет ответа"),
    "new": gettext_lazy("новый"),
    "repeat_open": gettext_lazy("есть открытый лид или сделка"),
    "repeat_closed": gettext_lazy("обращался раньше"),
    "in_menu": gettext_lazy("в голосовом меню"),
    "in_queue": gettext_lazy("в очереди"),
    "no_answer": gettext_lazy("не ответили"),
    "declined": gettext_lazy("отклонён"),
    "busy": gettext_lazy("занято"),
    "after_hours": gettext_lazy("в нерабочее время"),
    "voice_mail": gettext_lazy("голосовая почта"),
    "mon": gettext_lazy("понедельник"),
    "tue": gettext_lazy("вторник"),
    "wed": gettext_lazy("среда"),
    "thu": gettext_lazy("четверг"),
    "fri": gettext_lazy("пятница"),
    "sat": gettext_lazy("суббота"),
    "sun": gettext_lazy("воскресенье"),
}
"""Our own codes in words; UIS's codes stay as they are."""


def code_name(code: str) -> str:
    return str(CODE_NAMES.get(code, code))


def id_of(value: Any) -> Any:
    """The id of a reference, however it is written."""
    return value.get("id") if isinstance(value, dict) else value


def label_of(value: Any, directory: Directory) -> str:
    """A reference as a searching control shows it: "Мария Орлова (1)"; what nobody knows stays as it was typed."""
    id_ = id_of(value)
    entry = None if id_ is None or isinstance(id_, bool) else directory.find(id_)
    return str(entry) if entry else "" if id_ is None else str(id_)


def directory_of(name: str, known: Known) -> Directory:
    """The directory that a control searches or offers."""
    return {
        "people": known.people,
        "employees": known.employee_directory,
        "pipelines": known.pipeline_directory,
        "sources": known.source_directory,
        "scenarios": known.scenario_directory,
        "channels": known.channel_directory,
    }[name]


def options_of(directory: Directory, chosen: Any) -> list[Option]:
    """All present entries, and the chosen one even when it is gone."""
    id_ = id_of(chosen)
    shown = [(str(entry.id), entry.name) for entry in directory.entries if not entry.is_gone]
    if id_ not in (None, "") and str(id_) not in {code for code, _name in shown}:
        found = directory.find(id_)
        label = found.name if found else str(id_)
        shown.append((str(id_), _("{name} – больше нет").format(name=label) if found else label))
    return shown


def stages_of(known: Known, owners: Iterable[StageOwner]) -> Directory:
    return known.stages_of(tuple(owners))


def owner_of_stages(create: Any) -> StageOwner:
    """Whose stages fit: leads', or those of the pipeline of deals, as they are chosen on the screen."""
    create = create if isinstance(create, dict) else {}
    if create.get("item") != "deal":
        return LEADS
    pipeline = id_of(create.get("pipeline"))
    return pipeline if isinstance(pipeline, int) else DEFAULT_PIPELINE_ID


UIS_LISTS: Mapping[str, UisItem.Kind] = {
    "virtual_phone_number": UisItem.Kind.NUMBER,
    "virtual_number_name": UisItem.Kind.NUMBER,
    "scenario_name": UisItem.Kind.SCENARIO,
    "site_domain_name": UisItem.Kind.SITE,
    "campaign_name": UisItem.Kind.CAMPAIGN,
    "chat_channel_name": UisItem.Kind.CHANNEL,
    "group_name": UisItem.Kind.GROUP,
    "employee_full_name": UisItem.Kind.EMPLOYEE,
    "first_talked_employee_full_name": UisItem.Kind.EMPLOYEE,
    "last_talked_employee_full_name": UisItem.Kind.EMPLOYEE,
}
"""Facts whose values the dictionaries of UIS know, so that a condition can be chosen instead of typed."""


def search_uis(credential: Credential, fact: str, text: str) -> list[str]:
    """Present values of a fact that hold the text, at most 50."""
    kind = UIS_LISTS[fact]
    rows = credential.uis_items.filter(kind=kind, missing_since__isnull=True).order_by("name", "pk")
    found = (row.code if fact == "virtual_phone_number" else row.name for row in rows)
    wanted = fold_text(text)
    return [value for value in dict.fromkeys(found) if value and wanted in fold_text(value)][:SHOWN]


def search(known: Known, where: str, text: str) -> list[str]:
    """Labels that hold every word of the text, at most 50; people who work first."""
    words = fold_text(text).split()
    if where.startswith("fields."):
        fields = known.fields.get(where.removeprefix("fields."), {})
        labels = [field_label(field) for field in fields.values() if is_offered(field)]
        return [label for label in labels if all(word in fold_text(label) for word in words)][:SHOWN]
    entries = [entry for entry in directory_of(where, known).entries if entry.is_active and not entry.is_gone]
    return [str(entry) for entry in entries if _holds(entry, words)][:SHOWN]


def is_searched(where: str) -> bool:
    """Whether there is such a list to search in."""
    return where in ("people", "employees", *UIS_LISTS) or where in {f"fields.{name}" for name in OBJECTS}


def is_offered(field: FieldInfo) -> bool:
    return not field.is_gone and not field.is_read_only and is_supported(field)


def field_label(field: FieldInfo) -> str:
    return f"{field.title} ({field.code})" if field.title and field.title != field.code else field.code


def _holds(entry: Entry, words: list[str]) -> bool:
    shown = fold_text(f"{entry.name} {entry.email} {entry.id}")
    return all(word in shown for word in words)


def facts_by_moment(kind: StreamKind, *, titles: bool = False) -> list[tuple[str, list[Option]]]:
    """The facts of a stream for a select, in two groups: known at once, and known only at the end."""
    offered = [fact for fact in facts_of(kind) if titles or not fact.is_titles_only]
    early = [_option(fact) for fact in offered if moment(fact, kind) is Moment.START]
    late = [_option(fact) for fact in offered if moment(fact, kind) is Moment.END]
    after = _("Известно после звонка") if kind.value in ("incoming", "outgoing") else _("Известно после завершения")
    return [(label, options) for label, options in ((_("Известно сразу"), early), (after, late)) if options]


def _option(fact: Fact) -> Option:
    name = fact_name(fact.name)
    return fact.name, name if fact.name in FACT_NAMES else fact.name
