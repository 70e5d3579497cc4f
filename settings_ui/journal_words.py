"""The journal in words: a row, its one next action, what was done in the portal, what UIS told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from chats.facts import read_chat
from crm_bitrix.actions import Action, dump_params
from crm_bitrix.admin.journal import describe_kind, state_label
from crm_bitrix.admin.people import object_url, show_user
from crm_bitrix.models import CrmAction
from integration.admin.page import pretty
from integration.admin.veil import Veil, client_names
from integration.fact_names import FACT_NAMES, fact_name
from integration.models import Communication, Portal, State
from integration.reasons import show_reason
from integration.rules.phones import show_phone
from integration.rules.wording import show_duration, show_fact
from integration.trace import explain, show_object
from settings_ui.journal import zone_of
from telephony.facts import read_call

LOOKS: Mapping[str, str] = {
    State.DONE: "good",
    State.FAILED: "bad",
    State.RETRY: "wait",
    State.WAITING: "wait",
    State.WITHHELD: "wait",
}
ACTION_LOOKS: Mapping[str, str] = {"done": "good", "failed": "bad", "sent": "wait"}
NOTHING = "—"

AGAIN, OPEN_CARD, REHEARSE, DETAILS = "again", "card", "rehearse", "details"
_NEXT: Mapping[str, tuple[str, object]] = {
    State.FAILED: (AGAIN, gettext_lazy("Повторить")),
    State.RETRY: (AGAIN, gettext_lazy("Повторить сейчас")),
    State.WITHHELD: (AGAIN, gettext_lazy("Передать")),
    State.IGNORED: (REHEARSE, gettext_lazy("Проверить правила")),
    State.DONE: (OPEN_CARD, gettext_lazy("Открыть в CRM")),
}
_DETAILS = (DETAILS, gettext_lazy("Подробнее"))

_METHODS: Mapping[str, object] = {
    "crm.item.add": gettext_lazy("Создать объект"),
    "crm.item.update": gettext_lazy("Изменить объект"),
    "crm.activity.binding.add": gettext_lazy("Показать дело в объекте"),
    "crm.activity.configurable.add": gettext_lazy("Создать дело"),
    "crm.activity.configurable.update": gettext_lazy("Изменить дело"),
    "crm.timeline.comment.add": gettext_lazy("Добавить комментарий"),
    "telephony.externalCall.register": gettext_lazy("Зарегистрировать звонок"),
    "telephony.externalCall.show": gettext_lazy("Показать карточку"),
    "telephony.externalCall.hide": gettext_lazy("Убрать карточку"),
    "telephony.externalCall.finish": gettext_lazy("Завершить звонок"),
    "im.notify.system.add": gettext_lazy("Оповестить сотрудника"),
    "crm.timeline.note.save": gettext_lazy("Записать заметку"),
    "telephony.call.attachTranscription": gettext_lazy("Приложить расшифровку"),
    "imopenlines.crm.chat.user.add": gettext_lazy("Войти в чат открытой линии"),
    "imopenlines.crm.message.add": gettext_lazy("Написать клиенту в чат"),
    "im.message.add": gettext_lazy("Написать операторам в чат"),
}
_OBJECTS: Mapping[str, object] = {
    "lead": gettext_lazy("Создать лид"),
    "deal": gettext_lazy("Создать сделку"),
    "contact": gettext_lazy("Создать контакт"),
}


@dataclass(frozen=True)
class Row:
    """A line of the journal."""

    id: int
    at: Any
    who: str
    what: str
    result: str
    state: str
    look: str
    reason: str
    object: str
    object_path: str
    object_url: str
    responsible: str
    next_code: str
    next_label: str


@dataclass(frozen=True)
class Done:
    """A change in the portal: planned, sent, or only rehearsed."""

    title: str
    method: str
    params: str
    state: str = ""
    look: str = "plain"
    sent_at: Any = None
    done_at: Any = None
    answer: str = ""
    error: str = ""


def show_row(row: Communication, portal: Portal, *, is_admin: bool, veil: Veil | None = None) -> Row:
    """A communication as a line; masked unless a lifted veil is given."""
    veil = veil or Veil(names=tuple(client_names(row)))
    next_code, next_label = next_action(row, is_admin=is_admin)
    has_object = ":" in row.crm_object
    name = getattr(row, "responsible_name", "")
    return Row(
        id=row.pk,
        at=row.started_at,
        who=(show_phone if veil.is_lifted else veil.phone)(row.client_phone) or NOTHING,
        what=describe_kind(row),
        result=show_result(row, portal),
        state=state_label(row),
        look=LOOKS.get(row.state, "plain"),
        reason=veil.text(show_reason(row.reason)),
        object=show_object(row.crm_object) if has_object else "",
        object_path=object_path(row.crm_object) if has_object else "",
        object_url=object_url(portal, row.crm_object) if has_object else "",
        responsible=name or show_user({}, row.responsible_id),
        next_code=next_code,
        next_label=str(next_label),
    )


def next_action(row: Communication, *, is_admin: bool) -> tuple[str, object]:
    """The one thing to do about a communication. Whoever may only read looks at the details."""
    code, label = _NEXT.get(row.state, _DETAILS)
    if (code == AGAIN and not is_admin) or (code == OPEN_CARD and ":" not in row.crm_object):
        return _DETAILS
    return code, label


def object_path(code: str) -> str:
    """The page of a CRM object inside its portal."""
    kind, _colon, number = code.partition(":")
    return f"/crm/{kind}/details/{number}/"


def show_result(row: Communication, portal: Portal) -> str:
    """How a call or a chat ended, and how long was talked; "" while it goes on, and where nothing is known."""
    result, seconds = _result_of(row)
    if not result:
        return ""
    word = show_fact("result", result, zone=zone_of(portal), language=get_language() or "ru")
    return f"{word} · {show_duration(seconds)}" if seconds else word


def _result_of(row: Communication) -> tuple[str, int]:
    """Result and seconds talked."""
    if row.kind == "call" and row.facts.get("call_session_id"):
        call = read_call(row.facts)
        return (call.result, call.talk_seconds if call.is_answered else 0) if call.is_over else ("", 0)
    if row.kind == "chat" and row.facts.get("chat_id"):
        chat = read_chat(row.facts)
        return (chat.result, 0) if chat.is_over else ("", 0)
    return "", 0


def show_trace(trace: Iterable[Any], veil: Veil, names: dict[int, str]) -> dict[str, Any]:
    """Decisions, the last one first, as the template of the staff's pages shows them."""
    told = explain(veil.value(list(trace)), user_name=lambda user_id: show_user(names, user_id))
    numbered = [(_("Решение {number}").format(number=number), steps) for number, steps in enumerate(told, start=1)]
    return {"decisions": numbered[::-1], "empty": _("Решение ещё не принято или принято без вопросов.")}


def show_actions(row: Communication, veil: Veil) -> list[Done]:
    """What was done in the portal, in order, with the answers."""
    return [
        Done(
            title=action_title(action.method, action.creates),
            method=action.method,
            params=pretty(veil.value(action.params)),
            state=str(action.get_state_display()),
            look=ACTION_LOOKS.get(action.state, "plain"),
            sent_at=action.sent_at,
            done_at=action.done_at,
            answer=pretty(veil.value(action.result)) if action.result else "",
            error=veil.text(show_reason(action.error)),
        )
        for action in CrmAction.objects.filter(communication_id=row.pk).order_by("seq", "pk")
    ]


def show_commands(commands: Iterable[Action], veil: Veil) -> list[Done]:
    """What a rehearsal would do."""
    return [
        Done(
            title=action_title(action.method, action.creates),
            method=action.method,
            params=pretty(veil.value(dump_params(action.params))),
        )
        for action in commands
    ]


def action_title(method: str, creates: str = "") -> str:
    """A change in the portal in words; what the portal had made by itself is changed, not created."""
    made = _OBJECTS.get(creates) if method == "crm.item.add" else None
    return str(made or _METHODS.get(method, method))


def show_events(row: Communication) -> list[dict[str, Any]]:
    """The notifications that a communication was put together from."""
    return [
        {
            "at": event.received_at,
            "source": event.get_source_display(),
            "name": event.name,
            "error": show_reason(event.error),
        }
        for event in row.events.order_by("id").defer("body", "query")
    ]


def show_facts(row: Communication, veil: Veil) -> list[tuple[str, str]]:
    """What is known of a communication, the facts with names first; what decisions settled stands in the trace."""
    facts = veil.value({name: value for name, value in row.facts.items() if not name.startswith("crm:")})
    names = sorted(facts, key=lambda name: (name not in FACT_NAMES, name))
    return [(fact_name(name), pretty(facts[name])) for name in names]
