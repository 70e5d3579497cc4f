"""External lines, call statistics, and who owns a number."""

from typing import Any

from .crm import Item
from .crm_fields import COMPANY, CONTACT, LEAD, TYPE_NAMES
from .errors import RestError
from .filters import order_rows, select_rows
from .registry import Context, Params, Rows, method, page


@method("telephony.externalCall.searchCrmEntities")
def search_crm_entities(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """Contacts, companies and leads in work with this number, and their owners."""
    crm, found = ctx.portal.crm, []
    for type_id in (CONTACT, COMPANY, LEAD):
        for item_id in crm.find_by_comm(type_id, "PHONE", params["PHONE_NUMBER"], lag=ctx.search_lag):
            item = crm.items[type_id][item_id]
            if type_id != LEAD or crm.semantics(item) == "P":
                found.append(_entity_row(ctx, item))
    return found


@method("telephony.externalLine.add")
def line_add(ctx: Context, params: Params) -> dict[str, int]:
    """Add a line; "already exists" means success."""
    number = str(params["NUMBER"])
    if number in ctx.portal.telephony.lines:
        raise RestError("ERROR_CORE", "Line already exists")
    line = ctx.portal.telephony.add_line(number, params.get("NAME") or "", params.get("CRM_AUTO_CREATE") or "Y")
    return {"ID": line["ID"]}


@method("telephony.externalLine.update")
def line_update(ctx: Context, params: Params) -> dict[str, str]:
    """Rename a line or switch its CRM_AUTO_CREATE."""
    line = _line(ctx, params)
    fields = {key: params[key] for key in ("NAME", "CRM_AUTO_CREATE") if key in params}
    if not fields:
        raise RestError("ERROR_CORE", "There are no fields to update")
    line |= fields
    return {"ID": str(line["ID"])}


@method("telephony.externalLine.delete")
def line_delete(ctx: Context, params: Params) -> list[Any]:
    """Remove a line."""
    del ctx.portal.telephony.lines[_line(ctx, params)["NUMBER"]]
    return []


@method("telephony.externalLine.get")
def line_get(ctx: Context, params: Params) -> list[dict[str, Any]]:
    """All lines."""
    keys = ("NUMBER", "NAME", "CRM_AUTO_CREATE")
    return [{key: line[key] for key in keys} for line in ctx.portal.telephony.lines.values()]


@method("voximplant.statistic.get")
def statistic_get(ctx: Context, params: Params) -> Rows:
    """Finished calls by filter; all values are strings."""
    lower = {key.lower(): value for key, value in params.items()}
    rows = select_rows(ctx.portal.telephony.statistics.values(), lower.get("filter"))
    rows = order_rows(rows, {lower.get("sort") or "ID": str(lower.get("order") or "ASC")})
    cut = page(rows, lower)
    return Rows([_text_row(row) for row in cut.result], cut.total, cut.next)


def _entity_row(ctx: Context, item: Item) -> Item:
    user = ctx.portal.users.get(item["assignedById"], {})
    owner = {key: user.get(key) for key in ("ID", "TIMEMAN_STATUS", "USER_PHONE_INNER", "WORK_PHONE")}
    owner |= {key: user.get(key) for key in ("PERSONAL_PHONE", "PERSONAL_MOBILE")}
    return {
        "CRM_ENTITY_TYPE": TYPE_NAMES[item["_type"]],
        "CRM_ENTITY_ID": item["id"],
        "ASSIGNED_BY_ID": item["assignedById"],
        "NAME": ctx.portal.crm.name_of(item),
        "ASSIGNED_BY": owner | {"USER_PHONE_INNER": user.get("UF_PHONE_INNER")},
    }


def _line(ctx: Context, params: Params) -> dict[str, Any]:
    line = ctx.portal.telephony.lines.get(str(params["NUMBER"]))
    if line is None:
        raise RestError("ERROR_CORE", f"Could not find line with number {params['NUMBER']}")
    return line


def _text_row(row: Item) -> Item:
    return {key: None if value is None else str(value) for key, value in row.items() if key != "ERRORS"}
