"""The dictionaries of both sides, as references of the settings document are resolved against them.

Reads the rows that synchronisation writes. Of `BitrixItem.data`: user – email, is_active, last_name; stage – id, object
(lead, deal), pipeline; field – type, is_multiple, is_read_only, is_immutable, is_required, items [{id, name}],
directory, currency. Of `UisItem.data`: employee – email. Codes are the vendor's ids; of a field "lead.utmSource", of a
directory's entry "HONORIFIC:HNR_RU_1", of a stage the same, since leads and the first pipeline both have a NEW. A key
that is missing means: unknown, nothing against it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from crm_bitrix.models import BitrixItem
from integration.models import Credential, Portal, UisItem
from integration.rules.field_values import FieldInfo
from integration.rules.known import LEADS, Entry, Id, Known, StageOwner
from integration.rules.ruleset import CrmMode

SOURCE_DIRECTORY = "SOURCE"
_BITRIX_KINDS = (
    BitrixItem.Kind.USER,
    BitrixItem.Kind.PIPELINE,
    BitrixItem.Kind.STAGE,
    BitrixItem.Kind.SOURCE,
    BitrixItem.Kind.STATUS,
    BitrixItem.Kind.FIELD,
)
_CHOSEN_FROM = {
    BitrixItem.Kind.USER: {"user", "employee"},
    BitrixItem.Kind.PIPELINE: {"crm_category"},
    BitrixItem.Kind.SOURCE: {SOURCE_DIRECTORY},
}
_UIS_KINDS = (UisItem.Kind.EMPLOYEE, UisItem.Kind.SCENARIO, UisItem.Kind.CHANNEL)

_Row = BitrixItem | UisItem
_Items = Mapping[str, str]


def load_known(credential: Credential) -> Known:
    """Everything the settings of this credential may refer to, what has vanished included; two queries."""
    portal = credential.portal
    bitrix = BitrixItem.objects.filter(portal=portal, kind__in=_BITRIX_KINDS).order_by("pk") if portal else ()
    uis = credential.uis_items.filter(kind__in=_UIS_KINDS).order_by("pk")
    rows: dict[str, list[Any]] = {kind: [] for kind in (*_BITRIX_KINDS, *_UIS_KINDS)}
    for row in (*bitrix, *uis):
        rows[row.kind].append(row)
    return Known(
        portal_domain=portal.domain if portal else "",
        crm_mode=CrmMode(portal.crm_mode) if portal else CrmMode.LEADS,
        users=tuple(_person(row) for row in rows[BitrixItem.Kind.USER]),
        pipelines=tuple(_entry(row, int(row.code)) for row in rows[BitrixItem.Kind.PIPELINE]),
        stages=_stages(rows[BitrixItem.Kind.STAGE]),
        sources=tuple(_entry(row, row.code) for row in rows[BitrixItem.Kind.SOURCE]),
        scenarios=tuple(_entry(row, int(row.code)) for row in rows[UisItem.Kind.SCENARIO]),
        channels=tuple(_entry(row, int(row.code)) for row in rows[UisItem.Kind.CHANNEL]),
        employees=tuple(_employee(row) for row in rows[UisItem.Kind.EMPLOYEE]),
        fields=_fields(rows[BitrixItem.Kind.FIELD], _directories(rows)),
    )


def load_fields(portal: Portal, wanted: Collection[str]) -> dict[str, dict[str, FieldInfo]]:
    """The wanted fields, by their codes such as "lead.utmSource", with what they choose from; two queries.

    Of people and stages nothing is read unless a field chooses from them: a portal may have thousands.
    """
    items = BitrixItem.objects.filter(portal=portal).order_by("pk")
    fields = list(items.filter(kind=BitrixItem.Kind.FIELD, code__in=wanted))
    chosen = {row.data.get("directory") or row.data.get("type", "") for row in fields}
    kinds = {kind for kind, names in _CHOSEN_FROM.items() if names & chosen}
    if any(row.data.get("directory") for row in fields):
        kinds |= {BitrixItem.Kind.STATUS, BitrixItem.Kind.STAGE}
    rows: dict[str, list[Any]] = {kind: [] for kind in _BITRIX_KINDS}
    for row in items.filter(kind__in=kinds) if kinds else ():
        rows[row.kind].append(row)
    return _fields(fields, _directories(rows))


def _entry(row: _Row, id_: Id) -> Entry:
    return Entry(id_, row.name, is_gone=row.missing_since is not None)


def _employee(row: UisItem) -> Entry:
    return Entry(int(row.code), row.name, email=row.data.get("email") or "", is_gone=row.missing_since is not None)


def _person(row: BitrixItem) -> Entry:
    return Entry(
        id=int(row.code),
        name=row.name,
        email=row.data.get("email") or "",
        is_active=row.data.get("is_active", True),
        has_surname=bool(row.data.get("last_name", "unknown")),
        is_gone=row.missing_since is not None,
    )


def _stages(rows: Iterable[BitrixItem]) -> dict[StageOwner, tuple[Entry, ...]]:
    stages: dict[StageOwner, list[Entry]] = {}
    for row in rows:
        owner: StageOwner = LEADS if row.data["object"] == "lead" else row.data["pipeline"]
        stages.setdefault(owner, []).append(_entry(row, row.data["id"]))
    return {owner: tuple(entries) for owner, entries in stages.items()}


def _directories(rows: Mapping[str, list[Any]]) -> dict[str, _Items]:
    """What fields choose from: directory → id → title; people and pipelines under the types of their fields."""
    people = _items(rows[BitrixItem.Kind.USER])
    directories = {
        "user": people,
        "employee": people,
        "crm_category": _items(rows[BitrixItem.Kind.PIPELINE]),
        SOURCE_DIRECTORY: _items(rows[BitrixItem.Kind.SOURCE]),
    }
    entries: dict[str, dict[str, str]] = {}
    for row in (*rows[BitrixItem.Kind.STATUS], *rows[BitrixItem.Kind.STAGE]):
        directory, _, id_ = row.code.partition(":")
        if row.missing_since is None:
            entries.setdefault(directory, {})[id_] = row.name
    return directories | entries


def _items(rows: Iterable[_Row]) -> _Items:
    return {row.code: row.name for row in rows if row.missing_since is None}


def _fields(rows: Iterable[BitrixItem], directories: Mapping[str, _Items]) -> dict[str, dict[str, FieldInfo]]:
    fields: dict[str, dict[str, FieldInfo]] = {}
    for row in rows:
        object_, _, code = row.code.partition(".")
        data = row.data
        own = {item["id"]: item["name"] for item in data.get("items", ())}
        type_ = data.get("type", "")
        fields.setdefault(object_, {})[code] = FieldInfo(
            code=code,
            type=type_,
            title=row.name,
            is_multiple=data.get("is_multiple", False),
            is_read_only=data.get("is_read_only", False),
            is_immutable=data.get("is_immutable", False),
            is_required=data.get("is_required", False),
            is_gone=row.missing_since is not None,
            items=own or directories.get(data.get("directory") or type_, {}),
            currency=data.get("currency"),
        )
    return fields
