"""`crm.item.*`, duplicates and directories."""

from dataclasses import dataclass
from typing import Any

from . import php
from .crm import Item, normal
from .crm_fields import DEAL, LEAD, TYPE_IDS, TYPE_NAMES, camel_name
from .errors import RestError, not_found
from .filters import fields_of, order_rows, select_rows
from .registry import Context, Params, Rows, method, page

MAX_FOUND = 20
FILTER_ONLY = frozenset({"fm"})
NUMBERS = frozenset({"integer", "user", "crm_category", "crm_contact", "crm_company", "crm_lead", "double"})


@method("crm.settings.mode.get")
def mode_get(ctx: Context, params: Params) -> int:
    """1 leads on, 2 leads off."""
    return 1 if ctx.portal.leads_on else 2


@method("crm.item.add")
def item_add(ctx: Context, params: Params) -> dict[str, Any]:
    """Create an item. With leads off a lead is refused."""
    type_id = _type_id(params)
    if type_id == LEAD and not ctx.portal.leads_on:
        raise RestError("ACCESS_DENIED", "Access denied")
    fields = checked_fields(ctx, type_id, params)
    item = ctx.portal.crm.add(type_id, fields, user_id=ctx.user_id)
    return _answer(ctx, item, params)


@method("crm.item.update")
def item_update(ctx: Context, params: Params) -> dict[str, Any]:
    """Change an item; unknown and read-only fields are passed over in silence."""
    item = _item(ctx, params)
    fields = checked_fields(ctx, item["_type"], params, category_id=item.get("categoryId"))
    return _answer(ctx, ctx.portal.crm.update(item, fields, user_id=ctx.user_id), params)


@method("crm.item.get")
def item_get(ctx: Context, params: Params) -> dict[str, Any]:
    """One item, however young."""
    return _answer(ctx, _item(ctx, params), params)


@method("crm.item.delete")
def item_delete(ctx: Context, params: Params) -> list[Any]:
    """Remove an item."""
    ctx.portal.crm.delete(_item(ctx, params))
    return []


@method("crm.item.fields")
def item_fields(ctx: Context, params: Params) -> dict[str, Any]:
    """Descriptions of all fields of a type."""
    fields = ctx.portal.crm.fields(_type_id(params))
    if _original(params):
        return {"fields": fields}
    return {"fields": {camel_name(name) if name.startswith("UF_") else name: row for name, row in fields.items()}}


@method("crm.item.list")
def item_list(ctx: Context, params: Params) -> Rows:
    """Items by filter; those younger than the search lag are not seen."""
    type_id = _type_id(params)
    crm = ctx.portal.crm
    names = {camel_name(name) if name.startswith("UF_") else name: name for name in crm.fields(type_id)}
    names |= {name: name for name in crm.fields(type_id)}
    filter_, order = params.get("filter") or {}, params.get("order") or {"id": "ASC"}
    _check_filter(filter_, order, names)
    seen = [item for item in crm.items[type_id].values() if crm.is_seen(item, ctx.search_lag)]
    found = select_rows(seen, filter_, lambda item, name: item.get(names[name]))
    found = order_rows(found, order, lambda item, name: item.get(names[name]))
    cut = page(found, params)
    items = [_selected(crm.answer(item, original_names=_original(params)), params.get("select")) for item in cut.result]
    return Rows({"items": items}, cut.total, cut.next)


@method("crm.duplicate.findbycomm")
def find_by_comm(ctx: Context, params: Params) -> Any:
    """Ids by phone or e-mail. 20 hits of one type hide the types after it; nothing found is an empty list."""
    kind, values = str(params["type"]).upper(), php.rows(params["values"])
    if kind not in ("PHONE", "EMAIL"):
        raise RestError("", f"Communication type '{kind}' is not supported in current context")
    if not [value for value in values if normal(kind, value)]:
        raise RestError("", "Communication values is not defined")
    only = str(params.get("entity_type") or "").upper()
    found: dict[str, list[int]] = {}
    for type_id in (LEAD, TYPE_IDS["CONTACT"], TYPE_IDS["COMPANY"]):
        name = TYPE_NAMES[type_id]
        if only and only != name:
            continue
        lists = [ctx.portal.crm.find_by_comm(type_id, kind, value, lag=ctx.search_lag) for value in values[:MAX_FOUND]]
        ids = sorted({one for some in lists for one in some})[:MAX_FOUND]
        if ids:
            found[name] = ids
        if len(ids) >= MAX_FOUND:
            break
    return found or []


@method("crm.status.list")
def status_list(ctx: Context, params: Params) -> Rows:
    """Values of directories, all in one answer."""
    rows = select_rows(ctx.portal.crm.statuses, params.get("filter"))
    rows = order_rows(rows, params.get("order") or {})
    return Rows([dict(row) for row in rows], total=len(rows))


@method("crm.status.add")
def status_add(ctx: Context, params: Params) -> int:
    """Add a value to a directory; its STATUS_ID must be new."""
    fields = params["fields"]
    if not ctx.portal.users[ctx.user_id]["ADMIN"]:
        raise RestError("", "Access denied.")
    if not isinstance(fields, dict):
        raise RestError("", "Parameter 'fields' must be array.")
    missing = [f"The field {name} is required." for name in ("ENTITY_ID", "STATUS_ID") if not fields.get(name)]
    if missing:
        raise RestError("", "<br>".join(missing))
    if not fields.get("NAME"):
        raise RestError("", "The field Title is required.")
    crm = ctx.portal.crm
    if fields["ENTITY_ID"] not in {row["ENTITY_ID"] for row in crm.statuses}:
        raise RestError("", "Specified entity type is not supported.")
    if str(fields["STATUS_ID"]) in crm.directory(fields["ENTITY_ID"]):
        raise RestError("ERROR_CORE", "The specified status ID already exists.")
    return add_status(
        crm, fields["ENTITY_ID"], str(fields["STATUS_ID"]), fields["NAME"], sort=fields.get("SORT") or 500
    )


@method("crm.status.entity.types")
def status_entity_types(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """Directories there are."""
    names = dict.fromkeys(row["ENTITY_ID"] for row in ctx.portal.crm.statuses)
    return [{"ID": name, "NAME": name, "SEMANTIC_INFO": [], "ENTITY_TYPE_ID": 0} for name in names]


@method("crm.category.list")
def category_list(ctx: Context, params: Params) -> Rows:
    """Pipelines of deals."""
    type_id = int(params["entityTypeId"])
    if type_id not in TYPE_NAMES:
        raise RestError("NOT_FOUND", "Smart process not found")
    if type_id != DEAL:
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {TYPE_NAMES[type_id]} is not supported")
    rows = ctx.portal.crm.categories
    return Rows({"categories": [dict(row) for row in rows]}, total=len(rows))


@method("crm.currency.list")
def currency_list(ctx: Context, params: Params) -> Rows:
    """Currencies; the first is the base one."""
    codes = ctx.portal.crm.currencies
    rows = [
        {"CURRENCY": code, "AMOUNT_CNT": "1", "AMOUNT": "1.0000", "SORT": str(100 * (n + 1)), "FULL_NAME": code}
        | {"BASE": "Y" if n == 0 else "N", "LID": "ru", "DECIMALS": "2"}
        for n, code in enumerate(codes)
    ]
    return Rows(rows, total=len(rows))


@method("crm.tracking.trace.add")
def trace_add(ctx: Context, params: Params) -> int:
    """Keep a visit for analytics."""
    ctx.portal.crm.traces.append(dict(params))
    return len(ctx.portal.crm.traces)


def add_status(
    crm: Any, entity_id: str, status_id: str, name: str, *, sort: Any = 10, semantics: str | None = None
) -> int:
    """Put a value into a directory and return its id."""
    number = crm.next_id("status")
    extra = {"SEMANTICS": {"S": "success", "F": "failure"}.get(semantics or "", "process"), "COLOR": "#ACE9FB"}
    row = {"ID": str(number), "ENTITY_ID": entity_id, "STATUS_ID": status_id, "NAME": name, "NAME_INIT": ""}
    row |= {"SORT": str(sort), "SYSTEM": "N", "CATEGORY_ID": None, "COLOR": extra["COLOR"]}
    crm.statuses.append({**row, "SEMANTICS": semantics, "EXTRA": extra})
    return number


def checked_fields(ctx: Context, type_id: int, params: Params, *, category_id: int | None = None) -> Item:
    """Fields of a write that exist and may be written, with their values checked; others are left out silently."""
    crm = ctx.portal.crm
    known = crm.fields(type_id)
    given = params["fields"] if isinstance(params["fields"], dict) else {}
    names = {camel_name(name) if name.startswith("UF_") else name: name for name in known}
    if _original(params):
        names |= {name: name for name in known}
    fields = {names[key]: value for key, value in given.items() if key in names}
    fields = {name: value for name, value in fields.items() if not known[name]["isReadOnly"]}
    write = _Write(ctx, type_id, int(fields.get("categoryId") or category_id or 0))
    return {name: write.checked(name, value, known[name]) for name, value in fields.items()}


@dataclass(frozen=True)
class _Write:
    ctx: Context
    type_id: int
    category: int

    def checked(self, name: str, value: Any, rule: dict[str, Any]) -> Any:
        if not rule["isMultiple"]:
            return self._single(name, value, rule)
        if not isinstance(value, list | dict) and value not in (None, ""):
            kind = {"str": "string", "int": "integer"}.get(type(value).__name__, type(value).__name__)
            raise RestError("100", f"Expected iterable value for multiple field, but got {kind} instead")
        many = php.rows(value) if value not in (None, "") else []
        return many if rule["type"] == "crm_multifield" else [self._single(name, one, rule) for one in many]

    def _single(self, name: str, value: Any, rule: dict[str, Any]) -> Any:
        if value in (None, ""):
            return None
        kind = rule["type"]
        if kind in NUMBERS:
            value = _number(name, value, whole=kind != "double")
        if not self._is_good(name, value, rule):
            raise _bad_value(name)
        if kind == "boolean" and not rule["isDynamic"]:
            return "Y" if value in (True, "Y", "1", 1) else "N"
        return str(value) if kind in ("string", "text") else value

    def _is_good(self, name: str, value: Any, rule: dict[str, Any]) -> bool:
        crm = self.ctx.portal.crm
        tests = {
            "boolean": lambda: value in (True, False, "Y", "N", "0", "1", 0, 1),
            "user": lambda: self.ctx.portal.is_active(value),
            "crm_category": lambda: any(row["id"] == value for row in crm.categories),
            "crm_contact": lambda: value == 0 or value in crm.items[TYPE_IDS["CONTACT"]],
            "crm_company": lambda: value == 0 or value in crm.items[TYPE_IDS["COMPANY"]],
            "crm_lead": lambda: value == 0 or value in crm.items[LEAD],
            "crm_currency": lambda: value in crm.currencies,
            "enumeration": lambda: str(value) in {str(one["ID"]) for one in rule.get("items", [])},
            "crm_status": lambda: str(value) in self._directory(name, rule),
            "string": lambda: isinstance(value, str | int | float),
        }
        return tests.get(rule["type"], lambda: True)()

    def _directory(self, name: str, rule: dict[str, Any]) -> dict[str, Any]:
        crm = self.ctx.portal.crm
        return crm.stages(self.type_id, self.category) if name == "stageId" else crm.directory(rule["statusType"])


def _number(name: str, value: Any, *, whole: bool) -> Any:
    try:
        return int(value) if whole else float(value)
    except (TypeError, ValueError):
        raise _bad_value(name) from None


def _bad_value(name: str) -> RestError:
    return RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f'Invalid value for field "{name}"')


def _check_filter(filter_: Any, order: Any, names: dict[str, str]) -> None:
    for name in fields_of(filter_):
        if name not in names or names[name] in FILTER_ONLY:
            raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
    for name, direction in (order if isinstance(order, dict) else {}).items():
        if name not in names or names[name] in FILTER_ONLY:
            raise RestError("INVALID_ARG_VALUE", f"Invalid order: field '{name}' is not allowed in order")
        if str(direction).upper() not in ("ASC", "DESC"):
            text = f"Invalid order: allowed sort directions are ASC, DESC. But got '{direction}' for field '{name}'"
            raise RestError("INVALID_ARG_VALUE", text)


def _selected(item: Item, select: Any) -> Item:
    wanted = set(php.rows(select)) if select else {"*"}
    if "*" in wanted:
        return item
    return {name: value for name, value in item.items() if name in wanted | {"id"} and name != "fm"}


def _type_id(params: Params) -> int:
    type_id = int(params["entityTypeId"])
    if type_id not in TYPE_NAMES:
        raise not_found("SPA not found")
    return type_id


def _item(ctx: Context, params: Params) -> Item:
    return ctx.portal.crm.get(_type_id(params), int(params["id"]))


def _original(params: Params) -> bool:
    return params.get("useOriginalUfNames") in ("Y", True, "true", "1", 1)


def _answer(ctx: Context, item: Item, params: Params) -> dict[str, Any]:
    return {"item": ctx.portal.crm.answer(item, original_names=_original(params))}
