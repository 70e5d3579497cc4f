"""A portal's answers → entries of its dictionaries. Pure; their shapes are told in `models.BitrixItem`.

Every function raises Incomplete when the answer is not what it should be: then nothing is concluded from it.
Sources: https://apidocs.bitrix24.com/api-reference/user/user-get.html, …/crm/status/crm-status-list.html,
…/crm/universal/crm-item-fields.html, …/crm/universal/category/crm-category-list.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from integration.rules.dictionaries import Entry, Incomplete, clean, number

OBJECTS: Mapping[str, int] = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
MULTIFIELDS = (("PHONE", "Телефон"), ("EMAIL", "E-mail"), ("WEB", "Сайт"), ("IM", "Мессенджер"))
LEAD_STAGES, DEAL_STAGES, SOURCES = "STATUS", "DEAL_STAGE", "SOURCE"
MODES: Mapping[int, str] = {1: "leads", 2: "deals"}

Row = Mapping[str, Any]


def parse_mode(answer: Any) -> str:
    """`leads` or `deals`."""
    mode = MODES.get(number(answer) or 0)
    if mode is None:
        raise Incomplete(f"неизвестный режим CRM: {str(answer)[:50]}")
    return mode


def parse_users(pages: Iterable[Any], total: int) -> tuple[Entry, ...]:
    """People from all pages, in whatever order; a person on two pages counts once.

    Raises Incomplete when fewer came than the portal says there are, or nobody at all: the token's user exists.
    """
    users = {entry.code: entry for page in pages for entry in map(_user, _rows(page))}
    if not users or len(users) < total:
        raise Incomplete(f"пришло {len(users)} из {total}")
    return tuple(users[code] for code in sorted(users, key=int))


def _user(row: Row) -> Entry:
    first, last = clean(row.get("NAME")), clean(row.get("LAST_NAME"))
    email = clean(row.get("EMAIL"))
    code = _id(row, "ID")
    written = (clean(row.get(name)) for name in ("WORK_PHONE", "PERSONAL_MOBILE", "PERSONAL_PHONE"))
    data = {
        "is_active": row.get("ACTIVE") in (True, "true", "Y", "1", 1),
        "first_name": first,
        "last_name": last,
        "email": email,
        "extension": clean(row.get("UF_PHONE_INNER")),
        "phones": list(dict.fromkeys(phone for phone in written if phone)),
        "departments": [found for each in _list(row.get("UF_DEPARTMENT")) if (found := number(each)) is not None],
        "position": clean(row.get("WORK_POSITION")),
    }
    return Entry(code, f"{first} {last}".strip() or email or code, data)


def parse_departments(pages: Iterable[Any], total: int) -> tuple[Entry, ...]:
    """Departments from all pages."""
    found = {entry.code: entry for page in pages for entry in map(_department, _rows(page))}
    if len(found) < total:
        raise Incomplete(f"пришло {len(found)} из {total}")
    return tuple(found.values())


def _department(row: Row) -> Entry:
    data = {"parent": number(row.get("PARENT")), "head": number(row.get("UF_HEAD")) or None, "sort": _sort(row)}
    return Entry(_id(row, "ID"), clean(row.get("NAME")), data)


def parse_statuses(answer: Any, total: int | None) -> Mapping[str, tuple[Entry, ...]]:
    """All CRM directories at once → entries of the kinds `source`, `stage` and `status`."""
    rows = _rows(answer)
    if not rows or (total is not None and len(rows) < total):
        raise Incomplete(f"пришло {len(rows)} из {total if total is not None else '?'}")
    found: dict[str, list[Entry]] = {"source": [], "stage": [], "status": []}
    for row in rows:
        kind, entry = _status(row)
        found[kind].append(entry)
    return {kind: tuple(entries) for kind, entries in found.items()}


def _status(row: Row) -> tuple[str, Entry]:
    directory, code, name = clean(row.get("ENTITY_ID")), clean(row.get("STATUS_ID")), clean(row.get("NAME"))
    if not directory or not code:
        raise Incomplete("запись справочника без кода")
    if directory == SOURCES:
        return "source", Entry(code, name, {"sort": _sort(row)})
    whole = f"{directory}:{code}"
    is_deal = directory == DEAL_STAGES or directory.startswith(f"{DEAL_STAGES}_")
    if directory != LEAD_STAGES and not is_deal:
        return "status", Entry(whole, name, {"id": code, "directory": directory, "sort": _sort(row)})
    extra = row.get("EXTRA")
    semantics = clean(row.get("SEMANTICS")) or clean(extra.get("SEMANTICS") if isinstance(extra, Mapping) else "")
    data = {
        "id": code,
        "object": "deal" if is_deal else "lead",
        "pipeline": number(directory.removeprefix(DEAL_STAGES).removeprefix("_") or 0) if is_deal else None,
        "semantics": {"S": "S", "success": "S", "F": "F", "failure": "F", "apology": "F"}.get(semantics, ""),
        "sort": _sort(row),
    }
    return "stage", Entry(whole, name, data)


def parse_pipelines(answer: Any, total: int | None) -> tuple[Entry, ...]:
    """Pipelines of deals; there is always one at least."""
    rows = _rows(answer.get("categories") if isinstance(answer, Mapping) else None)
    if not rows or (total is not None and len(rows) < total):
        raise Incomplete(f"пришло {len(rows)} из {total if total is not None else '?'}")
    return tuple(
        Entry(
            _id(row, "id"),
            clean(row.get("name")),
            {"sort": number(row.get("sort")) or 0, "is_default": row.get("isDefault") == "Y"},
        )
        for row in rows
    )


def parse_fields(object_type: str, answer: Any) -> tuple[Entry, ...]:
    """Fields of one object; the multifield `fm` is told as its four parts."""
    fields = answer.get("fields") if isinstance(answer, Mapping) else None
    if not isinstance(fields, Mapping) or not fields:
        raise Incomplete("описание полей не получено")
    return tuple(entry for name, row in fields.items() for entry in _field(object_type, clean(name), row))


def _field(object_type: str, name: str, row: Any) -> Iterator[Entry]:
    if not isinstance(row, Mapping):
        raise Incomplete(f"поле {name} описано не так, как ожидалось")
    data = {
        "object": object_type,
        "field": name,
        "type": clean(row.get("type")),
        "is_required": row.get("isRequired") is True,
        "is_read_only": row.get("isReadOnly") is True,
        "is_immutable": row.get("isImmutable") is True,
        "is_multiple": row.get("isMultiple") is True,
        "is_custom": row.get("isDynamic") is True,
        "items": [
            {"id": clean(item.get("ID")), "name": clean(item.get("VALUE"))} for item in _rows(row.get("items") or [])
        ],
        "directory": clean(row.get("statusType")),
    }
    if data["type"] == "crm_multifield":
        for code, title in MULTIFIELDS:
            yield Entry(f"{object_type}.{code}", title, {**data, "field": code})
    else:
        yield Entry(f"{object_type}.{name}", clean(row.get("title")) or name, data)


def parse_open_lines(answer: Any, limit: int) -> tuple[Entry, ...]:
    """Open lines; as many as were asked for at most means that there may be more."""
    rows = _rows(answer)
    if len(rows) >= limit:
        raise Incomplete(f"открытых линий {limit} или больше")
    return tuple(
        Entry(_id(row, "ID"), clean(row.get("LINE_NAME")), {"is_active": row.get("ACTIVE") == "Y"}) for row in rows
    )


def parse_lines(answer: Any) -> tuple[Entry, ...]:
    """External lines of this application."""
    return tuple(
        Entry(_text_id(row, "NUMBER"), clean(row.get("NAME")), {"creates": row.get("CRM_AUTO_CREATE") == "Y"})
        for row in _rows(answer)
    )


def _rows(answer: Any) -> Sequence[Row]:
    """The rows of a list; PHP writes a list with gaps as a map."""
    rows = list(answer.values()) if isinstance(answer, Mapping) else answer
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Incomplete(f"не список: {str(answer)[:80]}")
    return rows


def _list(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []


def _id(row: Row, key: str) -> str:
    found = number(row.get(key))
    if found is None:
        raise Incomplete(f"запись без номера: {str(row)[:80]}")
    return str(found)


def _text_id(row: Row, key: str) -> str:
    found = clean(row.get(key))
    if not found:
        raise Incomplete(f"запись без {key}")
    return found


def _sort(row: Row) -> int:
    return number(row.get("SORT")) or 0
