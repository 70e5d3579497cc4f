"""Fields of leads, deals, contacts and companies: what `crm.item.fields` tells and what a write may hold."""

import re
from functools import cache
from typing import Any

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
TYPE_NAMES = {LEAD: "LEAD", DEAL: "DEAL", CONTACT: "CONTACT", COMPANY: "COMPANY"}
TYPE_IDS = {name: number for number, name in TYPE_NAMES.items()}
TITLES = {LEAD: "Лид", DEAL: "Сделка", CONTACT: "Контакт", COMPANY: "Компания"}

ALL = (LEAD, DEAL, CONTACT, COMPANY)
READ_ONLY = "read-only"
MULTIPLE = "multiple"
IMMUTABLE = "immutable"

_ROWS: tuple[tuple[str, str, tuple[int, ...], str, str], ...] = (
    ("id", "integer", ALL, READ_ONLY, "ID"),
    ("title", "string", (LEAD, DEAL, COMPANY), "", "Название"),
    ("honorific", "crm_status:HONORIFIC", (LEAD, CONTACT), "", "Обращение"),
    ("name", "string", (LEAD, CONTACT), "", "Имя"),
    ("secondName", "string", (LEAD, CONTACT), "", "Отчество"),
    ("lastName", "string", (LEAD, CONTACT), "", "Фамилия"),
    ("birthdate", "date", (LEAD, CONTACT), "", "Дата рождения"),
    ("companyTitle", "string", (LEAD,), "", "Название компании"),
    ("post", "string", (LEAD, CONTACT), "", "Должность"),
    ("stageId", "crm_status", (LEAD, DEAL), "", "Стадия"),
    ("stageSemanticId", "string", (LEAD, DEAL), READ_ONLY, "Семантика стадии"),
    ("categoryId", "crm_category", (DEAL,), IMMUTABLE, "Воронка"),
    ("sourceId", "crm_status:SOURCE", (LEAD, DEAL, CONTACT), "", "Источник"),
    ("sourceDescription", "text", (LEAD, DEAL, CONTACT), "", "Дополнительно об источнике"),
    ("statusDescription", "text", (LEAD,), "", "Дополнительно о статусе"),
    ("typeId", "crm_status", (DEAL, CONTACT, COMPANY), "", "Тип"),
    ("industry", "crm_status:INDUSTRY", (COMPANY,), "", "Сфера деятельности"),
    ("assignedById", "user", ALL, "", "Ответственный"),
    ("observers", "user", ALL, MULTIPLE, "Наблюдатели"),
    ("createdBy", "user", ALL, READ_ONLY, "Кем создан"),
    ("updatedBy", "user", ALL, READ_ONLY, "Кем изменён"),
    ("createdTime", "datetime", ALL, READ_ONLY, "Дата создания"),
    ("updatedTime", "datetime", ALL, READ_ONLY, "Дата изменения"),
    ("lastActivityTime", "datetime", ALL, READ_ONLY, "Последняя активность"),
    ("opened", "boolean", ALL, "", "Доступно для всех"),
    ("closed", "boolean", (DEAL,), "", "Закрыта"),
    ("comments", "text", ALL, "", "Комментарий"),
    ("companyId", "crm_company", (LEAD, DEAL, CONTACT), "", "Компания"),
    ("companyIds", "crm_company", (CONTACT,), MULTIPLE, "Компании"),
    ("contactId", "crm_contact", (LEAD, DEAL), "", "Контакт"),
    ("contactIds", "crm_contact", (LEAD, DEAL, COMPANY), MULTIPLE, "Контакты"),
    ("leadId", "crm_lead", (DEAL, CONTACT, COMPANY), "", "Лид"),
    ("opportunity", "double", (LEAD, DEAL), "", "Сумма"),
    ("currencyId", "crm_currency", (LEAD, DEAL), "", "Валюта"),
    ("isManualOpportunity", "boolean", (LEAD, DEAL), "", "Сумма задана вручную"),
    ("probability", "integer", (DEAL,), "", "Вероятность"),
    ("begindate", "date", (DEAL,), "", "Дата начала"),
    ("closedate", "date", (DEAL,), "", "Дата завершения"),
    ("isReturnCustomer", "boolean", (LEAD, DEAL), READ_ONLY, "Повторный клиент"),
    ("hasPhone", "boolean", (LEAD, CONTACT, COMPANY), READ_ONLY, "Задан телефон"),
    ("hasEmail", "boolean", (LEAD, CONTACT, COMPANY), READ_ONLY, "Задан e-mail"),
    ("originatorId", "string", ALL, "", "Внешний источник"),
    ("originId", "string", ALL, "", "Идентификатор во внешнем источнике"),
    ("utmSource", "string", ALL, "", "UTM Source"),
    ("utmMedium", "string", ALL, "", "UTM Medium"),
    ("utmCampaign", "string", ALL, "", "UTM Campaign"),
    ("utmContent", "string", ALL, "", "UTM Content"),
    ("utmTerm", "string", ALL, "", "UTM Term"),
    ("fm", "crm_multifield", (LEAD, CONTACT, COMPANY), MULTIPLE, "Телефон, e-mail и другие"),
)

DIRECTORIES = {
    (LEAD, "stageId"): "STATUS",
    (DEAL, "stageId"): "DEAL_STAGE",
    (DEAL, "typeId"): "DEAL_TYPE",
    (CONTACT, "typeId"): "CONTACT_TYPE",
    (COMPANY, "typeId"): "COMPANY_TYPE",
}


@cache
def system_fields(type_id: int) -> dict[str, dict[str, Any]]:
    """Descriptions of a type's own fields in the form of `crm.item.fields`."""
    return {
        name: _describe(type_id, name, kind, flag, title)
        for name, kind, types, flag, title in _ROWS
        if type_id in types
    }


def custom_field(name: str, kind: str, title: str, *, multiple: bool = False, items: Any = ()) -> dict[str, Any]:
    """Description of a custom field `UF_CRM_...`; `items` are the options of an enumeration, `{"ID", "VALUE"}`."""
    row = {
        "type": kind,
        "isRequired": False,
        "isReadOnly": False,
        "isImmutable": False,
        "isMultiple": multiple,
        "isDynamic": True,
        "title": title,
        "upperName": name,
        "settings": {},
    }
    return {**row, "items": list(items)} if kind == "enumeration" else row


def camel_name(name: str) -> str:
    """`UF_CRM_1700000001` as the methods spell it by default: `ufCrm_1700000001`; `UF_CRM_CITY`: `ufCrmCity`."""
    parts = name.split("_")
    rest = (f"_{part}" if part.isdigit() else part.capitalize() for part in parts[1:])
    return parts[0].lower() + "".join(rest)


def upper_name(name: str) -> str:
    """`sourceId` as the old methods spell it: `SOURCE_ID`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _describe(type_id: int, name: str, kind: str, flag: str, title: str) -> dict[str, Any]:
    base, _, directory = kind.partition(":")
    row = {
        "type": base,
        "isRequired": False,
        "isReadOnly": flag == READ_ONLY,
        "isImmutable": flag == IMMUTABLE,
        "isMultiple": flag == MULTIPLE,
        "isDynamic": False,
        "title": title,
        "upperName": upper_name(name),
        "settings": {},
    }
    directory = directory or DIRECTORIES.get((type_id, name), "")
    return {**row, "statusType": directory} if directory else row
