"""What is remembered of a client, and the portal's answers as they follow from it: a rehearsal asks nobody.

`crm:client` and `crm:seen` are the client as a decision found him, `crm:end` holds the chat that was found for him;
`ClientLink` rows are the objects that we made or met since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_bitrix.actions import Answer, Command, Json, Question, Refusal
from crm_bitrix.clients import CrmObject, load_client
from crm_bitrix.payloads import ENTITY_TYPE_ID
from integration.models import ClientLink, Communication, Portal

SETTLED = "crm:"
"""How the names of facts begin that decisions have settled themselves."""

_CLIENT, _SEEN, _END = "crm:client", "crm:seen", "crm:end"
_KINDS = {number: kind for kind, number in ENTITY_TYPE_ID.items()}
_FINAL_LEAD = {"id": 0, "stageSemanticId": "F"}
"""Of final leads only that there are some is remembered."""


@dataclass(frozen=True)
class Memory:
    """The CRM objects of a client as far as we remember them; `is_found`: a decision has searched for him."""

    objects: tuple[CrmObject, ...] = ()
    has_final_lead: bool = False
    chat: Mapping[str, Json] | None = None
    is_found: bool = False

    def with_links(self, links: Iterable[tuple[str, int]]) -> "Memory":
        """With the objects that we made or met besides."""
        known = {(item.type, item.id) for item in self.objects}
        more = [CrmObject(kind, number) for kind, number in dict.fromkeys(links) if (kind, number) not in known]
        return Memory((*self.objects, *more), self.has_final_lead, self.chat, self.is_found)


def read_memory(facts: Mapping[str, Json]) -> Memory:
    """The client as the facts of a communication remember him."""
    found = facts.get(_CLIENT) or facts.get(_SEEN)
    if not found:
        return Memory()
    client = load_client(found)
    chat = (facts.get(_END) or {}).get("chat")
    return Memory((*client.candidates, *client.deals), client.has_final_lead, chat, is_found=True)


def recall(portal: Portal, keys: Sequence[str], *, phone: str = "") -> Memory:
    """What is remembered of the client with these keys: the last time somebody with his number (E.164) was searched
    for, and his objects."""
    same = Communication.objects.filter(portal=portal, client_phone=phone, facts__has_key=_CLIENT)
    earlier = same.order_by("-started_at").values_list("facts", flat=True).first() if phone else None
    links = links_of(portal, keys)
    return read_memory(earlier or {}).with_links(link for key in keys for link in links.get(key, ()))


def links_of(portal: Portal, keys: Iterable[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Client key → the objects that we remember for it, in one query."""
    found: dict[str, list[tuple[str, int]]] = {}
    rows = ClientLink.objects.filter(portal=portal, key__in=set(keys)).order_by("pk")
    for key, kind, number in rows.values_list("key", "object_type", "object_id"):
        found.setdefault(key, []).append((kind, number))
    return found


@dataclass
class Prompter:
    """Answers questions from memory; `asked` gathers the methods whose true answer only the portal could give."""

    memory: Memory
    asked: list[str] = field(default_factory=list)

    def answer(self, question: Question) -> Answer:
        return Answer({name: self._result(command) for name, command in question.commands})

    def _result(self, command: Command) -> Json:
        params = command.params
        if command.method == "crm.duplicate.findbycomm":
            return self._found()
        if command.method == "crm.item.list":
            return {"items": self._rows(_KINDS.get(params["entityTypeId"], ""))}
        if command.method == "crm.item.get":
            return self._item(_KINDS.get(params["entityTypeId"], ""), params)
        if command.method == "imopenlines.crm.chat.get":
            return self._chats(f"{params['CRM_ENTITY_TYPE']}:{params['CRM_ENTITY']}")
        self._note(command.method)
        return Refusal("REHEARSAL", "nobody is asked")

    def _found(self) -> Json:
        found: dict[str, list[int]] = {}
        for item in self.memory.objects:
            if item.type != "deal":
                found.setdefault(item.type.upper(), []).append(item.id)
        if self.memory.has_final_lead:
            found.setdefault("LEAD", []).append(_FINAL_LEAD["id"])
        return found

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        rows = [_row(item) for item in self.memory.objects if item.type == kind]
        return [*rows, _FINAL_LEAD] if kind == "lead" and self.memory.has_final_lead else rows

    def _item(self, kind: str, params: Mapping[str, Json]) -> Json:
        if "useOriginalUfNames" in params:
            self._note("crm.item.get")  # all fields are wanted, and only some are remembered
        rows = [row for row in self._rows(kind) if row["id"] == params["id"]]
        return {"item": rows[0]} if rows else Refusal("NOT_FOUND")

    def _chats(self, code: str) -> Json:
        chat = self.memory.chat
        if chat is None:
            self._note("imopenlines.crm.chat.get")
        return [{"CHAT_ID": chat["chat_id"]}] if chat and chat["entity"] == code else []

    def _note(self, method: str) -> None:
        if method not in self.asked:
            self.asked.append(method)


def _row(item: CrmObject) -> dict[str, Any]:
    """An object as the portal would list it."""
    row = {
        "id": item.id,
        "title": item.name,
        "assignedById": item.owner_id,
        "stageSemanticId": "P" if item.is_open else "F",
        "updatedTime": item.changed_at,
    }
    return row | ({f"{item.client[0]}Id": item.client[1]} if item.client else {})
