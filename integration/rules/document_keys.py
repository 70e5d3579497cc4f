"""The keys of the settings document in their order: what reading allows and how export arranges them."""

from collections.abc import Mapping
from typing import Any

from integration.rules.facts import StreamKind
from integration.rules.mapping_rows import KEYS as MAPPING_KEYS
from integration.rules.responsible import AssignTo
from integration.rules.titles import TITLE_KEYS

REF = ("id", "name")
TOP = ("version", "about", "main", "telephony", "chats")
ABOUT = ("portal", "credential", "revision", "exported_at")
MAIN = ("active", "country", "client_order", "alerts", "employees")
ALERTS = ("users", "emails")
EMPLOYEE = ("uis", "bitrix", "card", "line")
TELEPHONY = (
    "active", "mode", "records", "number_as_source", "numbers", "click_to_call", "form_callback",
    "missed_call_message", "incoming", "outgoing",
)  # fmt: skip
NUMBER = ("number", "source", "pipeline", "stage")
CLICK_TO_CALL = ("number",)
FORM_CALLBACK = ("active", "by", "scenario", "employee", "number")
MISSED_CALL_MESSAGE = ("active", "reader", "text")
CHATS = ("active", "chat", "request")
PERSONAL_MANAGER = ("active", "only_at_work")
RULE = ("name", "active", "when", "assign")
CONDITION = ("fact", "op", "value")

_CALL_CREATE = ("for", "item", "pipeline", "stage", "source", "moment", "second_open")
_CHAT_CREATE = ("for", "what", *_CALL_CREATE[1:])
_ENDING = ("change_responsible_of", "titles", "mapping", "notify")
STREAM: Mapping[StreamKind, tuple[str, ...]] = {
    StreamKind.INCOMING: ("personal_manager", "filter", "responsible", "create", *_ENDING),
    StreamKind.OUTGOING: ("filter", "responsible", "create", *_ENDING),
    StreamKind.CHAT: ("channels", "filter", "responsible", "create", "without_contacts", *_ENDING),
    StreamKind.REQUEST: ("filter", "responsible", "create", "without_contacts", *_ENDING),
}
RESPONSIBLE: Mapping[StreamKind, tuple[str, ...]] = {
    kind: ("rules", "talked", "default") if kind is StreamKind.OUTGOING else ("rules", "default") for kind in StreamKind
}
CREATE: Mapping[StreamKind, tuple[str, ...]] = {
    StreamKind.INCOMING: _CALL_CREATE,
    StreamKind.OUTGOING: _CALL_CREATE,
    StreamKind.CHAT: _CHAT_CREATE,
    StreamKind.REQUEST: _CHAT_CREATE,
}
ASSIGN: Mapping[AssignTo, tuple[str, ...]] = {
    AssignTo.USER: ("to", "user"),
    AssignTo.CLIENT_OWNER: ("to", "order"),
    AssignTo.TALKED: ("to", "which"),
    AssignTo.RUNG: ("to", "which"),
    AssignTo.OPERATOR: ("to",),
    AssignTo.SPREAD: ("to", "users", "only_at_work"),
}
_ALL_ASSIGN = ("to", "user", "order", "which", "users", "only_at_work")

_Shape = Mapping[str, Any]


def _shape(keys: tuple[str, ...], **inner: Any) -> _Shape:
    return {key: inner.get(key) for key in keys}


_REF = _shape(REF)
_TREE: dict[str, Any] = {"all": None, "any": None, **_shape(CONDITION)}
_TREE["all"] = _TREE["any"] = _TREE
_RULE = _shape(RULE, when=_TREE, assign=_shape(_ALL_ASSIGN, user=_REF, users=_REF))


def _stream_shape(kind: StreamKind) -> _Shape:
    return _shape(
        STREAM[kind],
        personal_manager=_shape(PERSONAL_MANAGER),
        channels=_REF,
        filter=_TREE,
        responsible=_shape(RESPONSIBLE[kind], rules=_RULE, default=_REF),
        create=_shape(CREATE[kind], pipeline=_REF, stage=_REF, source=_REF),
        titles=_shape(TITLE_KEYS[kind]),
        mapping=_shape(MAPPING_KEYS, values={}),
    )


_DOCUMENT = _shape(
    TOP,
    about=_shape(ABOUT),
    main=_shape(
        MAIN, alerts=_shape(ALERTS, users=_REF), employees=_shape(EMPLOYEE, uis=_REF, bitrix=_REF)
    ),
    telephony=_shape(
        TELEPHONY,
        numbers=_shape(NUMBER, source=_REF, pipeline=_REF, stage=_REF),
        form_callback=_shape(FORM_CALLBACK, scenario=_REF, employee=_REF),
        missed_call_message=_shape(MISSED_CALL_MESSAGE),
        incoming=_stream_shape(StreamKind.INCOMING),
        outgoing=_stream_shape(StreamKind.OUTGOING),
    ),
    chats=_shape(CHATS, chat=_stream_shape(StreamKind.CHAT), request=_stream_shape(StreamKind.REQUEST)),
)  # fmt: skip


def arrange(document: Any) -> Any:
    """Put the keys of a document into the order of export, as a database that keeps no order returns it.

    Value tables, whose keys are the administrator's, are sorted.
    """
    return _arrange(document, _DOCUMENT)


def _arrange(value: Any, shape: _Shape | None) -> Any:
    if isinstance(value, list):
        return [_arrange(item, shape) for item in value]
    if not isinstance(value, dict):
        return value
    places = {key: place for place, key in enumerate(shape or {})}
    keys = sorted(value, key=lambda key: (places.get(key, len(places)), key))
    return {key: _arrange(value[key], (shape or {}).get(key)) for key in keys}
