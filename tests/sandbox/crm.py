"""CRM of a portal: items, their phones, directories, activities and the timeline."""

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from . import clock, php
from .crm_fields import CONTACT, DEAL, LEAD, TYPE_IDS, camel_name, system_fields
from .errors import RestError

Item = dict[str, Any]


def normal_phone(value: Any) -> str:
    """Digits of a number in one form: a leading 8 of eleven digits is 7, ten digits get a 7."""
    digits = re.sub(r"\D", "", re.split(r"[;,#]|доб|ext", str(value))[0])
    if len(digits) == 11 and digits[0] == "8":
        return "7" + digits[1:]
    return "7" + digits if len(digits) == 10 else digits


def normal(type_: str, value: Any) -> str:
    """A phone or an e-mail in the form in which duplicates are compared."""
    return normal_phone(value) if type_ == "PHONE" else str(value).strip().lower()


@dataclass
class Crm:
    """Objects by type (1 lead, 2 deal, 3 contact, 4 company) and id; names are camelCase, custom ones `UF_CRM_*`.

    An item holds its answer form plus `_created` (Unix time, for the search lag).
    """

    items: dict[int, dict[int, Item]] = field(default_factory=lambda: {1: {}, 2: {}, 3: {}, 4: {}})
    custom: dict[int, dict[str, Any]] = field(default_factory=lambda: {1: {}, 2: {}, 3: {}, 4: {}})
    statuses: list[dict[str, Any]] = field(default_factory=list)
    categories: list[dict[str, Any]] = field(default_factory=list)
    currencies: list[str] = field(default_factory=lambda: ["RUB", "USD", "EUR"])
    activities: dict[int, dict[str, Any]] = field(default_factory=dict)
    timeline: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    traces: list[dict[str, Any]] = field(default_factory=list)
    index: dict[tuple[int, str, str], set[int]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    # --- descriptions

    def fields(self, type_id: int) -> dict[str, dict[str, Any]]:
        """All fields of a type by name (custom ones as `UF_CRM_*`)."""
        return {**system_fields(type_id), **self.custom[type_id]}

    def directory(self, entity_id: str) -> dict[str, dict[str, Any]]:
        """Values of one directory (`SOURCE`, `STATUS`, `DEAL_STAGE_3`) by STATUS_ID."""
        return {row["STATUS_ID"]: row for row in self.statuses if row["ENTITY_ID"] == entity_id}

    def stages(self, type_id: int, category_id: int = 0) -> dict[str, dict[str, Any]]:
        """Stages of leads or of a deal pipeline, in order."""
        if type_id == LEAD:
            return self.directory("STATUS")
        return self.directory(f"DEAL_STAGE_{category_id}" if category_id else "DEAL_STAGE")

    def semantics(self, item: Item) -> str:
        """P in work, S won, F lost: of a lead or deal; contacts and companies are always P."""
        type_id = LEAD if item["_type"] == LEAD else DEAL
        if item["_type"] not in (LEAD, DEAL):
            return "P"
        stage = self.stages(type_id, item.get("categoryId") or 0).get(item["stageId"], {})
        return stage.get("SEMANTICS") or "P"

    # --- writing

    def next_id(self, kind: str) -> int:
        """Next number of a kind of row."""
        self.counters[kind] = self.counters.get(kind, 0) + 1
        return self.counters[kind]

    def add(self, type_id: int, fields: Item, *, user_id: int = 1) -> Item:
        """Create an item from checked fields; missing ones get the portal's defaults."""
        item = {name: _empty(rule) for name, rule in self.fields(type_id).items()}
        now = clock.now()
        stamp = clock.iso(now)
        item |= {"_type": type_id, "_created": now, "id": self.next_id(f"item{type_id}"), "createdTime": stamp}
        item |= {"updatedTime": stamp, "createdBy": user_id, "assignedById": user_id, "opened": "Y"}
        if type_id in (LEAD, DEAL):
            item |= {"currencyId": "RUB", "opportunity": 0, "isManualOpportunity": "N"}
        if type_id == DEAL:
            item["categoryId"] = int(fields.get("categoryId") or 0)
            item["closed"] = "N"
        if type_id in (LEAD, DEAL):
            item["stageId"] = next(iter(self.stages(type_id, item.get("categoryId") or 0)), "NEW")
        self._write(item, fields, user_id)
        if type_id in (LEAD, DEAL) and not item.get("title"):
            item["title"] = f"{'Лид' if type_id == LEAD else 'Сделка'} #{item['id']}"
        self.items[type_id][item["id"]] = item
        self._reindex(item)
        return item

    def update(self, item: Item, fields: Item, *, user_id: int = 1) -> Item:
        """Change an item with checked fields."""
        self._write(item, {name: value for name, value in fields.items() if name != "categoryId"}, user_id)
        self._reindex(item)
        return item

    def delete(self, item: Item) -> None:
        """Remove an item for good, and what stands in its timeline."""
        del self.items[item["_type"]][item["id"]]
        owner = (item["_type"], item["id"])
        self.timeline = {number: row for number, row in self.timeline.items() if row["owner"] != owner}
        self._unindex(item)

    def get(self, type_id: int, item_id: int) -> Item:
        """One item; raises NOT_FOUND."""
        try:
            return self.items[type_id][item_id]
        except KeyError:
            raise RestError("NOT_FOUND", "Item not found" if type_id in self.items else "SPA not found") from None

    def _write(self, item: Item, fields: Item, user_id: int) -> None:
        item |= {name: value for name, value in fields.items() if name != "fm"}
        item |= {"updatedTime": clock.iso(clock.now()), "updatedBy": user_id}
        if "fm" in fields:
            item["fm"] = self._multifields(item.get("fm") or [], php.rows(fields["fm"]))
        if "fm" in item:
            kinds = {row["typeId"] for row in item["fm"]}
            item["hasPhone"] = "Y" if "PHONE" in kinds else "N"
            item["hasEmail"] = "Y" if "EMAIL" in kinds else "N"
        for single, many in (("contactId", "contactIds"), ("companyId", "companyIds")):
            if fields.get(many) and single in item:
                item[single] = item[many][0]
            elif fields.get(single) and many in item:
                item[many] = [fields[single], *(one for one in item[many] or [] if one != fields[single])]
        if "stageId" in item:
            item["stageSemanticId"] = self.semantics(item)
        if item["_type"] == DEAL:
            item["closed"] = "N" if item["stageSemanticId"] == "P" else "Y"

    def _multifields(self, old: list[Item], new: list[Item]) -> list[Item]:
        kept = {row["id"]: dict(row) for row in old}
        for row in new:
            known = int(row.get("id") or 0)
            if known and known in kept:
                if row.get("value") in (None, ""):
                    del kept[known]
                else:
                    kept[known] |= {key: row[key] for key in ("typeId", "valueType", "value") if row.get(key)}
            elif row.get("value") not in (None, ""):
                number = self.next_id("fm")
                kept[number] = {
                    "id": number,
                    "typeId": row.get("typeId", "PHONE"),
                    "valueType": row.get("valueType") or "WORK",
                    "value": str(row["value"]),
                }
        return list(kept.values())

    # --- searching

    def find_by_comm(self, type_id: int, kind: str, value: Any, *, lag: float = 0.0) -> list[int]:
        """Ids of one type with this phone or e-mail, lowest first, without those younger than `lag` seconds."""
        found = sorted(self.index.get((type_id, kind, normal(kind, value)), set()))
        return [one for one in found if self.is_seen(self.items[type_id][one], lag)]

    def is_seen(self, item: Item, lag: float) -> bool:
        """False while an item is too young for searches."""
        return not lag or clock.now() - item["_created"] >= lag

    def find_client(self, phone: str, *, lag: float = 0.0) -> Item | None:
        """Whom the telephony would bind a call to: contact, company, lead in work."""
        for type_id in (CONTACT, TYPE_IDS["COMPANY"], LEAD):
            for item_id in self.find_by_comm(type_id, "PHONE", phone, lag=lag):
                item = self.items[type_id][item_id]
                if type_id != LEAD or self.semantics(item) == "P":
                    return item
        return None

    def name_of(self, item: Item) -> str:
        """Caption of an item for people."""
        person = " ".join(item[key] for key in ("name", "lastName") if item.get(key))
        return (item.get("title") or person or f"#{item['id']}") if item["_type"] != CONTACT else person or "Без имени"

    def answer(self, item: Item, *, original_names: bool = False) -> Item:
        """An item as the methods show it."""
        shown = {name: copy.copy(value) for name, value in item.items() if not name.startswith("_")}
        if original_names:
            return shown
        return {camel_name(name) if name.startswith("UF_CRM") else name: value for name, value in shown.items()}

    def _reindex(self, item: Item) -> None:
        self._unindex(item)
        for row in item.get("fm") or []:
            key = (item["_type"], row["typeId"], normal(row["typeId"], row["value"]))
            self.index.setdefault(key, set()).add(item["id"])
            item.setdefault("_keys", []).append(key)

    def _unindex(self, item: Item) -> None:
        for key in item.pop("_keys", []):
            self.index.get(key, set()).discard(item["id"])


def _empty(rule: dict[str, Any]) -> Any:
    if rule["isMultiple"]:
        return []
    return "N" if rule["type"] == "boolean" and not rule["isDynamic"] else None
