"""The rights that the application asks a portal for, and the methods that need each of them. Pure.

Methods that every application may call are not among them. `docs/market/scopes.md` gives the reasons in the words of
an administrator; `tests/test_verify_portal.py` holds the table against the methods that the code names.
Source: https://apidocs.bitrix24.com/api-reference/scopes/permissions.html
"""

from collections.abc import Iterable, Mapping

SCOPES: Mapping[str, tuple[str, ...]] = {
    "crm": (
        "crm.activity.binding.add",
        "crm.activity.configurable.add",
        "crm.activity.configurable.get",
        "crm.activity.configurable.update",
        "crm.activity.list",
        "crm.category.list",
        "crm.duplicate.findbycomm",
        "crm.item.add",
        "crm.item.delete",
        "crm.item.fields",
        "crm.item.get",
        "crm.item.list",
        "crm.item.update",
        "crm.settings.mode.get",
        "crm.status.add",
        "crm.status.list",
        "crm.timeline.comment.add",
        "crm.timeline.comment.list",
        "crm.timeline.icon.list",
        "crm.timeline.logo.list",
        "crm.timeline.note.save",
    ),
    "department": ("department.get",),
    "im": ("im.message.add", "im.notify.system.add"),
    "imopenlines": (
        "imopenlines.config.list.get",
        "imopenlines.crm.chat.get",
        "imopenlines.crm.chat.user.add",
        "imopenlines.crm.message.add",
    ),
    "placement": ("placement.bind", "placement.unbind"),
    "telephony": (
        "telephony.call.attachTranscription",
        "telephony.externalCall.attachRecord",
        "telephony.externalCall.finish",
        "telephony.externalCall.hide",
        "telephony.externalCall.register",
        "telephony.externalCall.searchCrmEntities",
        "telephony.externalCall.show",
        "telephony.externalLine.add",
        "telephony.externalLine.get",
        "telephony.externalLine.update",
        "voximplant.statistic.get",
    ),
    "user_basic": ("user.get",),
}

OPTIONAL: Mapping[str, tuple[str, ...]] = {"timeman": ("timeman.status",)}
"""Without these something is left out, and the settings say what."""

_WIDER: Mapping[str, frozenset[str]] = {"user_basic": frozenset({"user_basic", "user"})}
"""What a portal may have granted instead: a right that holds the smaller one."""


def missing(granted: Iterable[str]) -> tuple[str, ...]:
    """The rights that a portal has not granted."""
    have = set(granted)
    return tuple(scope for scope in SCOPES if not have & _WIDER.get(scope, frozenset({scope})))
