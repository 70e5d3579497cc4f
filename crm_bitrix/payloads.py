"""Our words → the vendor's: every change we make in a portal is built here, and only here its fields have names.

Sources: https://apidocs.bitrix24.com/api-reference/telephony/, …/crm/universal/, …/chats/notifications/
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from crm_bitrix.actions import Action, Command, Joined, Json, Question, ResultOf

ENTITY_TYPE_ID = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
ORIGINATOR = "uis"
RESPONSIBLE = "assignedById"

OUTGOING, INCOMING, REDIRECTED, CALLBACK = 1, 2, 3, 4
ANSWERED, MISSED, UNAVAILABLE = "200", "304", "480"
BUSY, WRONG_NUMBER, OTHER = "486", "404", "OTHER"
BLOCKS = 20

Id = int | ResultOf


def phone_field(phone: str) -> dict[str, Json]:
    return {"typeId": "PHONE", "valueType": "WORK", "value": phone}


def contact_field(kind: str, value: str, *, value_type: str = "WORK") -> dict[str, Json]:
    """A row of the multifields: an e-mail (EMAIL), a messenger (IM, of a type such as TELEGRAM)."""
    return {"typeId": kind, "valueType": value_type, "value": value}


def create_item(
    item: str,
    *,
    origin: str,
    responsible_id: int,
    title: str = "",
    name: str = "",
    contacts: Sequence[Mapping[str, Json]] = (),
    source_id: str = "",
    source_description: str = "",
    stage_id: str = "",
    pipeline_id: int | None = None,
    contact_id: Id | None = None,
    company_id: Id | None = None,
    fields: Mapping[str, Json] | None = None,
) -> Action:
    """Make a lead, deal or contact with everything it should have from birth. The action's key is the item's name.

    `origin` identifies the communication; by it the object is found again when the answer was lost. `contacts` are
    rows of multifields: phones, e-mails, messengers.
    """
    own = {
        "title": title,
        "name": name,
        "stageId": stage_id,
        "categoryId": pipeline_id,
        "sourceId": source_id,
        "sourceDescription": source_description,
        "contactId": contact_id,
        "companyId": company_id,
        "fm": [dict(row) for row in contacts] or None,
    }
    params = {
        "entityTypeId": ENTITY_TYPE_ID[item],
        "useOriginalUfNames": "Y",
        "fields": {
            **{key: value for key, value in own.items() if value not in ("", None)},
            **_mapped(fields or {}, contacts),
            "assignedById": responsible_id,
            "opened": "Y",
            "originatorId": ORIGINATOR,
            "originId": origin,
        },
    }
    return Action(key=item, method="crm.item.add", params=params, creates=item)


def _mapped(fields: Mapping[str, Json], contacts: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Mapped fields of an object that is created; its own phone stays the first of its phones."""
    if "fm" not in fields or not contacts:
        return dict(fields)
    own = {row["value"] for row in contacts}
    others = [row for row in fields["fm"] if row.get("value") not in own]
    return {**fields, "fm": [*map(dict, contacts), *others]}


def item_fields(*, title: str, responsible_id: int) -> dict[str, Json]:
    """The fields of a lead, a deal or an activity of ours that are decided once more at the end; each has its own."""
    return {"title": title, RESPONSIBLE: responsible_id, "responsibleId": responsible_id}


def update_item(item: str, item_id: Id, fields: Mapping[str, Json], *, key: str) -> Action:
    """Change fields of an object."""
    params = {"entityTypeId": ENTITY_TYPE_ID[item], "id": item_id, "useOriginalUfNames": "Y", "fields": dict(fields)}
    return Action(key=key, method="crm.item.update", params=params)


def register_call(
    *,
    external_id: str,
    user_id: int,
    phone: str,
    line: str,
    call_type: int,
    started_at: datetime,
    is_shown: bool,
    bound_to: tuple[str, Id] | None,
    key: str = "register",
) -> Action:
    """Tell the portal of a call. `line` is the virtual number, digits only; `bound_to` a contact, company or lead."""
    kind, bound_id = bound_to or ("", None)
    params = {
        "USER_ID": user_id,
        "PHONE_NUMBER": phone,
        "TYPE": call_type,
        "CALL_START_DATE": started_at.isoformat(timespec="seconds"),
        "LINE_NUMBER": line,
        "EXTERNAL_CALL_ID": external_id,
        "CRM_CREATE": 0,
        "CRM_ENTITY_TYPE": kind.upper() or None,
        "CRM_ENTITY_ID": bound_id,
        "SHOW": int(is_shown),
        "ADD_TO_CHAT": 0,
    }
    return Action(key=key, method="telephony.externalCall.register", params=params)


def show_card(user_ids: tuple[int, ...], *, key: str, call_id: str | ResultOf) -> Action:
    """Show the card of a call to these users."""
    return Action(key, "telephony.externalCall.show", {"CALL_ID": call_id, "USER_ID": list(user_ids)})


def hide_card(user_ids: tuple[int, ...], *, key: str, call_id: str | ResultOf) -> Action:
    """Take the card of a call away from these users."""
    return Action(key, "telephony.externalCall.hide", {"CALL_ID": call_id, "USER_ID": list(user_ids)})


def finish_call(
    *, call_id: str | ResultOf, user_id: int, duration_seconds: int, status: str, reason: str = "", key: str = "finish"
) -> Action:
    """Close a call in the portal: its statistics and its one activity are born here."""
    params = {
        "CALL_ID": call_id,
        "USER_ID": user_id,
        "DURATION": duration_seconds,
        "STATUS_CODE": status,
        "FAILED_REASON": reason or None,
        "ADD_TO_CHAT": 0,
    }
    return Action(key=key, method="telephony.externalCall.finish", params=params)


def bind_activity(item: str, item_id: Id, *, activity_id: int | ResultOf, key: str) -> Action:
    """Show an activity in the timeline of one more object."""
    params = {"activityId": activity_id, "entityTypeId": ENTITY_TYPE_ID[item], "entityId": item_id}
    return Action(key=key, method="crm.activity.binding.add", params=params, is_optional=True)


def notify(user_id: int, message: str | Joined, *, tag: str, key: str, after: tuple[str, ...] = ()) -> Action:
    """Notify a user. A second notification with the same tag replaces the first, so a retry never rings twice."""
    params = {"USER_ID": user_id, "MESSAGE": message, "TAG": tag}
    return Action(key=key, method="im.notify.system.add", params=params, after=after, is_optional=True)


def item_link(item: str, item_id: Id, text: str) -> Joined:
    """A text that leads to the page of an object, in the BB code of notifications."""
    number = item_id if isinstance(item_id, ResultOf) else str(item_id)
    return Joined((f"[URL=/crm/{item}/details/", number, f"/]{text}[/URL]"))


def ask_finished(external_id: str) -> Question:
    """Whether the portal has finished a call that was registered with this id of ours: rows of its statistics."""
    command = Command("voximplant.statistic.get", {"FILTER": {"EXTERNAL_CALL_ID": external_id}})
    return Question((("finished", command),))


def ask_chats(codes: Sequence[tuple[str, int]]) -> Question:
    """Which active open-line chats these objects have; the answer is named by type and number."""
    commands = tuple(
        (
            f"{kind}{number}",
            Command("imopenlines.crm.chat.get", {"CRM_ENTITY_TYPE": kind, "CRM_ENTITY": number, "ACTIVE_ONLY": "Y"}),
        )
        for kind, number in codes
    )
    return Question(commands)


def write_chat(*, chat_id: int, entity: tuple[str, int], user_id: int, text: str, to_client: bool) -> list[Action]:
    """A message into an open-line chat. The writer must be in the chat, so he joins first.

    To the client: it goes out to his messenger. Else a system message, which connectors keep to themselves. Neither
    is ever sent twice: an unknown outcome is left to a person.
    """
    where = {"CRM_ENTITY_TYPE": entity[0], "CRM_ENTITY": entity[1], "USER_ID": user_id, "CHAT_ID": chat_id}
    join = Action("chat:join", "imopenlines.crm.chat.user.add", where, is_optional=True)
    if to_client:
        params: dict[str, Json] = {**where, "MESSAGE": text}
        return [join, Action("chat:say", "imopenlines.crm.message.add", params, after=(join.key,), is_optional=True)]
    params = {"DIALOG_ID": f"chat{chat_id}", "MESSAGE": text, "SYSTEM": "Y"}
    return [join, Action("chat:say", "im.message.add", params, after=(join.key,), is_optional=True)]


def note_activity(owner: tuple[str, Id], *, activity_id: Id, text: str, key: str) -> Action:
    """A note on an activity; there is one per activity, so writing it again changes nothing."""
    params = {
        "ownerTypeId": ENTITY_TYPE_ID[owner[0]],
        "ownerId": owner[1],
        "itemType": 2,
        "itemId": activity_id,
        "text": text,
    }
    return Action(key, "crm.timeline.note.save", params, is_optional=True)


def add_activity(
    owner: tuple[str, Id], *, origin: str, title: str, texts: Sequence[str], responsible_id: int
) -> Action:
    """An activity («дело») that waits for its responsible, with texts as they were told, in order.

    Of our own look, because only such an activity has an origin by which it is found again when the answer was lost.
    """
    params = {
        "ownerTypeId": ENTITY_TYPE_ID[owner[0]],
        "ownerId": owner[1],
        "fields": {
            "typeId": "CONFIGURABLE",
            "completed": "N",
            "isIncomingChannel": "Y",
            "responsibleId": responsible_id,
            "originatorId": ORIGINATOR,
            "originId": origin,
        },
        "layout": activity_layout(title, texts),
    }
    return Action("activity", "crm.activity.configurable.add", params)


def activity_layout(title: str, texts: Sequence[str]) -> dict[str, Json]:
    """How an activity of ours looks: its title, and a block for each text. The portal takes 20 blocks: more texts
    share the last one."""
    shown = [*texts[: BLOCKS - 1], "\n".join(texts[BLOCKS - 1 :])] if len(texts) > BLOCKS else texts
    blocks = {
        f"text{number}": {"type": "largeText", "properties": {"value": text}} for number, text in enumerate(shown)
    }
    return {
        "icon": {"code": "comment"},
        "header": {"title": title},
        "body": {"logo": {"code": "comment"}, "blocks": blocks},
    }


def update_activity(activity_id: Id, changes: Mapping[str, Json], *, key: str) -> Action:
    """Change an activity of ours: `changes` as `activity_changes` makes them."""
    return Action(key, "crm.activity.configurable.update", {"id": activity_id, **changes}, is_optional=True)


def activity_changes(
    written: Mapping[str, Json], fields: Mapping[str, Json], layout: Mapping[str, Json]
) -> dict[str, Json]:
    """What changes an activity that was `written` so. The portal wants some fields even where none of them changes:
    the origin serves."""
    origin = {name: written["fields"][name] for name in ("originatorId", "originId")}
    return {"fields": {**origin, **fields}, "layout": layout}


COMMENT_BYTES = 60_000
"""What goes into one comment: the vendor's column is a text of MySQL, 65 535 bytes, and cuts what is longer."""


def add_comment(owner: tuple[str, Id], text: str, *, key: str, after: tuple[str, ...] = ()) -> Action:
    """A comment in the timeline of an object, in BB code. Its last line must be its own: by it the comment is found
    again when the answer was lost."""
    fields = {"ENTITY_TYPE": owner[0], "ENTITY_ID": owner[1], "COMMENT": text}
    return Action(key, "crm.timeline.comment.add", {"fields": fields}, after=after)


def plain(text: str) -> str:
    """A text of somebody else's that BB code leaves as it is: after every opening bracket stands a mark of no width."""
    return text.replace("[", "[\u200b")


def attach_transcript(*, call_id: str | ResultOf, phrases: Sequence[Mapping[str, Json]]) -> Action:
    """The transcript of a finished call; phrases are {"is_operator", "start", "end" (seconds), "text"} in order."""
    said = [
        {
            "SIDE": "User" if phrase["is_operator"] else "Client",
            "START_TIME": int(phrase["start"]),
            "STOP_TIME": max(1, int(phrase["end"])),
            "MESSAGE": phrase["text"],
        }
        for phrase in phrases
    ]
    params = {"CALL_ID": call_id, "MESSAGES": said}
    return Action("transcript", "telephony.call.attachTranscription", params, after=("finish",), is_optional=True)
