"""One way to find a client in the CRM, for calls, chats and requests alike.

Everything is asked in one request: the search by phone or e-mail, and lists that refer to what it finds. How the
vendor resolves such a reference to a list is not promised, so nothing is taken on trust: rows that the search did not
name are dropped, and what is missing is asked for by number.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm_bitrix.actions import Answer, Command, Json, Question, QuestionRefused, Refusal, ResultOf
from crm_bitrix.payloads import ENTITY_TYPE_ID

NEW, REPEAT_OPEN, REPEAT_CLOSED = "new", "repeat_open", "repeat_closed"

_SELECT = (
    *("id", "title", "name", "lastName", "assignedById", "stageId", "stageSemanticId", "categoryId"),
    "lastActivityTime",
)
_DEAL_SELECT = (*_SELECT, "contactId", "companyId", "updatedTime")
_LISTS = {"leads": "lead", "contacts": "contact", "deals": "deal"}
_FINAL = ("S", "F")
_FIND, _LIST, _GET = "crm.duplicate.findbycomm", "crm.item.list", "crm.item.get"
_GONE = frozenset({"NOT_FOUND", "ACCESS_DENIED"})
_SEARCHED = ("phone", "email")


@dataclass(frozen=True)
class CrmObject:
    """A lead, deal, contact or company as far as decisions need it. `owner_id` 0 = not known.

    `changed_at` and `active_at`, when its timeline got its last activity, are as the portal writes them, "" = not told.
    """

    type: str
    id: int
    owner_id: int = 0
    name: str = ""
    is_open: bool = True
    client: tuple[str, int] | None = None
    changed_at: str = ""
    active_at: str = ""

    @property
    def code(self) -> str:
        return f"{self.type}:{self.id}"


@dataclass(frozen=True)
class Client:
    """Who a phone or an e-mail belongs to in the CRM.

    `candidates` are the contacts, companies and open leads found, the best first; `deals` the deals of these
    contacts and companies, the most recently changed first.
    """

    candidates: tuple[CrmObject, ...] = ()
    deals: tuple[CrmObject, ...] = ()
    has_final_lead: bool = False

    @property
    def main(self) -> CrmObject | None:
        """The object that owns the communication."""
        return self.candidates[0] if self.candidates else None

    @property
    def open_deals(self) -> tuple[CrmObject, ...]:
        return tuple(deal for deal in self.deals if deal.is_open)

    @property
    def open_lead(self) -> CrmObject | None:
        return next((found for found in self.candidates if found.type == "lead"), None)

    @property
    def state(self) -> str:
        """new (nobody), repeat_open (an open lead or deal), repeat_closed (known, but nothing is open)."""
        if self.open_lead or self.open_deals:
            return REPEAT_OPEN
        return REPEAT_CLOSED if self.candidates or self.has_final_lead else NEW

    @property
    def owners(self) -> Mapping[str, int]:
        """Type of object → the owner of the one that counts."""
        found = (*self.open_deals[:1], *self.candidates)
        return {item.type: item.owner_id for item in reversed(found) if item.owner_id}

    def dump(self) -> Json:
        """As JSON, to be remembered with the communication."""
        return {
            "candidates": [vars(item) for item in self.candidates],
            "deals": [vars(item) for item in self.deals],
            "has_final_lead": self.has_final_lead,
        }

    def trace(self) -> Json:
        """For the journal: all candidates, in order."""
        return {
            "step": "client",
            "state": self.state,
            "candidates": [candidate.code for candidate in self.candidates],
            "deals": [{"id": deal.id, "open": deal.is_open} for deal in self.deals],
        }


def load_client(value: Json) -> Client:
    """The client that `dump` wrote down."""
    candidates, deals = ([_load_object(item) for item in value[part]] for part in ("candidates", "deals"))
    return Client(tuple(candidates), tuple(deals), value["has_final_lead"])


def _load_object(value: Json) -> CrmObject:
    client = value["client"]
    return CrmObject(**{**value, "client": (client[0], client[1]) if client else None})


def find_client(keys: Sequence[str], *, order: Sequence[str]) -> Generator[Question, Answer, Client]:
    """Find the client by his keys. `order` ranks contact, company and lead.

    The portal is searched by `phone:+7…` and `email:…`; by the others (`telegram:…`, `visitor:…`) only we know him.
    Final leads are not candidates. Inside a type: has an open deal, then the newest activity, then the newest.
    """
    answer = yield search_question(keys)
    found = _found_ids(answer)
    lists = {name: kind for name in answer.results if (kind := _LISTS.get(name.rstrip("0123456789")))}
    if any(kind == "contact" for kind, _number in found):
        _require_read(answer, "deals", _LIST)
    objects = {item.code: item for item in _rows(answer, lists) if _is_wanted(item, found)}
    missing = sorted(set(found) - {(item.type, item.id) for item in objects.values()})
    if missing:
        details = yield _details_question(missing)
        _require_read(details, "deals_of_", _LIST)
        for kind in dict(missing):
            _require_read(details, kind, _GET)
        objects |= {item.code: item for item in _details(details, missing)}
    return choose(objects.values(), order=order)


def _require_read(answer: Answer, names: str, method: str) -> None:
    """Nobody is taken for gone because the portal would not read him just now. Raises QuestionRefused."""
    for name, result in answer.results.items():
        if name.startswith(names) and isinstance(result, Refusal) and result.code not in _GONE:
            raise QuestionRefused(method, result)


def search_question(keys: Sequence[str]) -> Question:
    """Search by every key that the portal can search by, and list what each search finds."""
    searched = [key for key in keys if key.partition(":")[0] in _SEARCHED]
    commands = [command for number, key in enumerate(searched) for command in _search(key, number)]
    return Question(tuple(commands), client_keys=tuple(keys))


def _search(key: str, number: int) -> Iterable[tuple[str, Command]]:
    leads, contacts = ResultOf(f"find{number}", "LEAD"), ResultOf(f"find{number}", "CONTACT")
    yield f"find{number}", _find(key)
    yield f"leads{number}", _list("lead", {"@id": leads}, _SELECT)
    yield f"contacts{number}", _list("contact", {"@id": contacts}, _SELECT)
    yield f"deals{number}", _list("deal", {"@contactId": contacts}, _DEAL_SELECT)


def _find(key: str) -> Command:
    kind, _, value = key.partition(":")
    return Command(_FIND, {"type": kind.upper(), "values": [value]})


def _list(item: str, condition: Mapping[str, Json], select: Sequence[str]) -> Command:
    params = {
        "entityTypeId": ENTITY_TYPE_ID[item],
        "filter": condition,
        "select": list(select),
        "order": {"id": "DESC"},
        "start": -1,
    }
    return Command(_LIST, params)


def _found_ids(answer: Answer) -> tuple[tuple[str, int], ...]:
    """What the portal found and what we remember, as (type, id). An empty search comes as a list."""
    found = [answer.require(name, _FIND) for name in answer.results if name.startswith("find")]
    seen = [
        (kind.lower(), int(number))
        for part in found
        if isinstance(part, Mapping)
        for kind in part
        for number in part[kind]
    ]
    return tuple(dict.fromkeys((*seen, *answer.links)))


def _rows(answer: Answer, lists: Mapping[str, str]) -> Iterable[CrmObject]:
    for name, kind in lists.items():
        yield from (read_object(kind, row) for row in (answer.result(name) or {}).get("items", ()))


def _is_wanted(item: CrmObject, found: Sequence[tuple[str, int]]) -> bool:
    return (item.client in found) if item.type == "deal" else (item.type, item.id) in found


def read_object(kind: str, row: Mapping[str, Json]) -> CrmObject:
    """One row of `crm.item.list` or `.get` for this type of object."""
    contact, company = int(row.get("contactId") or 0), int(row.get("companyId") or 0)
    person = " ".join(str(row[part]) for part in ("name", "lastName") if row.get(part))
    return CrmObject(
        type=kind,
        id=int(row["id"]),
        owner_id=int(row.get("assignedById") or 0),
        name=person or str(row.get("title") or ""),
        is_open=row.get("stageSemanticId") not in _FINAL,
        client=("contact", contact) if contact else ("company", company) if company else None,
        changed_at=str(row.get("updatedTime") or ""),
        active_at=str(row.get("lastActivityTime") or ""),
    )


def _details_question(missing: Sequence[tuple[str, int]]) -> Question:
    """Ask for objects by number: the list may lag behind, `get` does not. Deals of those found the hard way, too."""
    one_by_one = [
        (f"{kind}{number}", Command(_GET, {"entityTypeId": ENTITY_TYPE_ID[kind], "id": number}))
        for kind, number in missing[:40]
    ]
    owners = {kind: [number for type_, number in missing if type_ == kind] for kind in ("contact", "company")}
    deals = [
        (f"deals_of_{kind}", _list("deal", {f"@{kind}Id": numbers}, _DEAL_SELECT))
        for kind, numbers in owners.items()
        if numbers
    ]
    return Question((*one_by_one, *deals))


def _details(answer: Answer, missing: Sequence[tuple[str, int]]) -> Iterable[CrmObject]:
    for kind, number in missing:
        found = answer.result(f"{kind}{number}")
        if found:
            yield read_object(kind, found["item"])
    yield from _rows(answer, {"deals_of_contact": "deal", "deals_of_company": "deal"})


def choose(objects: Iterable[CrmObject], *, order: Sequence[str]) -> Client:
    """Rank what was found. Deals whose client is among the objects count for it."""
    found = tuple(objects)
    deals = sorted((item for item in found if item.type == "deal"), key=lambda deal: deal.changed_at, reverse=True)
    with_open_deal = {deal.client for deal in deals if deal.is_open}
    wanted = [item for item in found if item.type in order and (item.type != "lead" or item.is_open)]
    wanted.sort(key=lambda item: (item.active_at, item.id), reverse=True)
    candidates = sorted(wanted, key=lambda item: (order.index(item.type), (item.type, item.id) not in with_open_deal))
    has_final_lead = any(item.type == "lead" and not item.is_open for item in found)
    return Client(tuple(candidates), tuple(deals), has_final_lead)


def ask_objects(objects: Sequence[tuple[str, int]]) -> Generator[Question, Answer, dict[str, Mapping[str, Json]]]:
    """The present fields of objects, and of an activity of ours, by type; those that are gone are left out."""
    answer = yield Question(tuple((kind, _get(kind, number)) for kind, number in objects))
    found = {kind: answer.result(kind) for kind, _number in objects}
    return {
        kind: result["activity"]["fields"] if kind == "activity" else result["item"]
        for kind, result in found.items()
        if result
    }


def _get(kind: str, number: int) -> Command:
    if kind == "activity":
        return Command("crm.activity.configurable.get", {"id": number})
    return Command(_GET, {"entityTypeId": ENTITY_TYPE_ID[kind], "id": number, "useOriginalUfNames": "Y"})
