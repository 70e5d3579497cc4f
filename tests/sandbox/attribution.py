"""Which story (call, chat, request) a command belongs to."""

import json
import re
from typing import TYPE_CHECKING, Any

from .crm import normal_phone
from .crm_fields import TYPE_IDS

if TYPE_CHECKING:
    from .portal import Portal

DIGITS = re.compile(r"\d{6,}")


def find_story(portal: "Portal", known: dict[str, str], params: dict[str, Any]) -> str | None:
    """Story of a command, by ids and phones in its parameters, by the object it touches, else by its external id.

    `known` maps ids and normalised phones of the played stories to their names.
    """
    text = json.dumps(params, default=str)
    for run in DIGITS.findall(text):
        story = known.get(run) or known.get(normal_phone(run))
        if story:
            return story
    for key in _touched(params):
        if key in portal.story_of:
            return portal.story_of[key]
    origin = params.get("EXTERNAL_CALL_ID") or _fields(params).get("originId")
    return str(origin).split(":card")[0] if origin else None


def remember(portal: "Portal", story: str, method: str, params: dict[str, Any], answer: Any) -> None:
    """Note the objects a command made, so that later commands about them find their story."""
    if not isinstance(answer, dict):
        return
    if answer.get("CALL_ID"):
        portal.story_of[f"call:{answer['CALL_ID']}"] = story
    if method == "crm.item.add":
        portal.story_of.setdefault(f"{params['entityTypeId']}:{answer['item']['id']}", story)
    activity = answer.get("CRM_ACTIVITY_ID") or (answer.get("activity") or {}).get("id")
    if activity or method == "crm.activity.todo.add":
        portal.story_of[f"activity:{activity or answer['id']}"] = story


def _touched(params: dict[str, Any]) -> list[str]:
    keys = [f"call:{params['CALL_ID']}"] if params.get("CALL_ID") else []
    if params.get("activityId"):
        keys.append(f"activity:{params['activityId']}")
    for holder in (params, _fields(params)):
        for type_key, id_key in (("entityTypeId", "id"), ("entityTypeId", "entityId"), ("ownerTypeId", "ownerId")):
            if holder.get(type_key) and holder.get(id_key):
                keys.append(f"{holder[type_key]}:{holder[id_key]}")
        name = str(holder.get("ENTITY_TYPE") or holder.get("CRM_ENTITY_TYPE") or "").upper()
        number = holder.get("ENTITY_ID") or holder.get("CRM_ENTITY_ID") or holder.get("CRM_ENTITY")
        if name in TYPE_IDS and number:
            keys.append(f"{TYPE_IDS[name]}:{number}")
    return keys


def _fields(params: dict[str, Any]) -> dict[str, Any]:
    fields = params.get("fields")
    return fields if isinstance(fields, dict) else {}
