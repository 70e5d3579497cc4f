"""What the world holds when it starts: a small real portal and a small UIS account."""

from typing import Any

from .crm_fields import COMPANY, CONTACT, DEAL, LEAD, custom_field
from .methods_crm import add_status
from .portal import Portal

DIRECTORIES: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "STATUS": (
        ("NEW", "Не обработан", None),
        ("IN_PROCESS", "В работе", None),
        ("PROCESSED", "Обработан", None),
        ("CONVERTED", "Качественный лид", "S"),
        ("JUNK", "Некачественный лид", "F"),
    ),
    "SOURCE": (
        ("CALL", "Звонок", None),
        ("EMAIL", "Электронная почта", None),
        ("WEB", "Веб-сайт", None),
        ("ADVERTISING", "Реклама", None),
        ("WEBFORM", "CRM-форма", None),
        ("CALLBACK", "Обратный звонок", None),
        ("OTHER", "Другое", None),
    ),
    "DEAL_STAGE": (
        ("NEW", "Новая", None),
        ("PREPARATION", "Подготовка документов", None),
        ("EXECUTING", "В работе", None),
        ("WON", "Сделка успешна", "S"),
        ("LOSE", "Сделка провалена", "F"),
    ),
    "DEAL_STAGE_3": (
        ("C3:NEW", "Заявка на сервис", None),
        ("C3:EXECUTING", "Ремонт", None),
        ("C3:WON", "Закрыта успешно", "S"),
        ("C3:LOSE", "Отказ", "F"),
    ),
    "DEAL_TYPE": (("SALE", "Продажа", None), ("SERVICES", "Сервисное обслуживание", None)),
    "CONTACT_TYPE": (("CLIENT", "Клиенты", None), ("SUPPLIER", "Поставщики", None), ("OTHER", "Другое", None)),
    "COMPANY_TYPE": (("CUSTOMER", "Клиент", None), ("PARTNER", "Партнёр", None)),
    "INDUSTRY": (("IT", "Информационные технологии", None), ("OTHER", "Другое", None)),
    "HONORIFIC": (("HNR_RU_1", "г-н", None), ("HNR_RU_2", "г-жа", None)),
}

KNOWN_PHONE = "+79000000001"
"""Contact with an open deal."""
KNOWN_NO_DEAL_PHONE = "+79000000002"
"""Contact without a deal."""
COMPANY_PHONE = "+79000000003"
LEAD_PHONE = "+79000000004"
"""Open lead."""
JUNK_PHONE = "+79000000005"
"""Lead closed as junk."""


def fill(portal: Portal) -> Portal:
    """Give a portal its people, directories and example clients."""
    _people(portal)
    for entity_id, rows in DIRECTORIES.items():
        for number, (status_id, name, semantics) in enumerate(rows):
            add_status(portal.crm, entity_id, status_id, name, sort=(number + 1) * 10, semantics=semantics)
    names = ((0, "Продажи", "Y"), (3, "Сервис", "N"))
    portal.crm.categories = [
        {"id": number, "name": name, "sort": 100 + number, "entityTypeId": DEAL, "isDefault": is_default}
        | {"originId": "", "originatorId": ""}
        for number, name, is_default in names
    ]
    _custom_fields(portal)
    portal.open_lines = [
        {"ID": "1", "LINE_NAME": "Открытая линия продаж", "ACTIVE": "Y", "QUEUE": [12, 15]},
        {"ID": "2", "LINE_NAME": "Поддержка", "ACTIVE": "Y", "QUEUE": [15]},
    ]
    portal.telephony.counter = 100
    _clients(portal)
    return portal


def _people(portal: Portal) -> None:
    portal.departments = [
        {"ID": "1", "NAME": "Акме", "SORT": 500, "UF_HEAD": "1"},
        {"ID": "5", "NAME": "Отдел продаж", "SORT": 500, "PARENT": "1", "UF_HEAD": "12"},
    ]
    portal.add_user(
        1,
        "Мария",
        "Орлова",
        EMAIL="maria.orlova@acme.example",
        UF_PHONE_INNER="100",
        ADMIN=True,
        WORK_POSITION="Директор",
    )
    sales: dict[str, Any] = {"UF_DEPARTMENT": [5], "WORK_POSITION": "Менеджер"}
    portal.add_user(12, "Пётр", "Иванов", EMAIL="petr.ivanov@acme.example", UF_PHONE_INNER="101", **sales)
    portal.add_user(15, "Анна", "Смирнова", EMAIL="anna.smirnova@acme.example", UF_PHONE_INNER="102", **sales)


def _custom_fields(portal: Portal) -> None:
    interest = [{"ID": "41", "VALUE": "Доставка"}, {"ID": "42", "VALUE": "Цена"}, {"ID": "43", "VALUE": "Сервис"}]
    for type_id in (LEAD, DEAL):
        rows = (
            custom_field("UF_CRM_1700000001", "string", "Рекламная кампания"),
            custom_field("UF_CRM_1700000002", "enumeration", "Интерес клиента", items=interest),
            custom_field("UF_CRM_1700000003", "string", "Номера обращений", multiple=True),
            custom_field("UF_CRM_1700000004", "datetime", "Время первого звонка"),
            custom_field("UF_CRM_1700000005", "double", "Длительность разговора"),
            custom_field("UF_CRM_1700000006", "boolean", "Пропущенный"),
        )
        portal.crm.custom[type_id] = {row["upperName"]: row for row in rows}
    city = custom_field("UF_CRM_1700000010", "string", "Город")
    portal.crm.custom[CONTACT] = {"UF_CRM_1700000010": city}


def _clients(portal: Portal) -> None:
    crm = portal.crm
    company = crm.add(COMPANY, {"title": "ООО «Ромашка»", "assignedById": 15, "fm": _phone(COMPANY_PHONE)})
    olga = crm.add(
        CONTACT,
        {"name": "Ольга", "lastName": "Петрова", "assignedById": 12, "companyId": company["id"], "typeId": "CLIENT"}
        | {"fm": [*_phone(KNOWN_PHONE), {"typeId": "EMAIL", "valueType": "WORK", "value": "olga@romashka.example"}]},
    )
    deal = {"title": "Поставка мебели", "assignedById": 12, "contactId": olga["id"], "companyId": company["id"]}
    crm.add(DEAL, deal | {"stageId": "PREPARATION", "opportunity": 120000.0, "typeId": "SALE"})
    crm.add(
        CONTACT,
        {"name": "Дмитрий", "lastName": "Кузнецов", "assignedById": 15, "fm": _phone(KNOWN_NO_DEAL_PHONE)},
    )
    crm.add(
        LEAD,
        {
            "title": "Заявка с выставки",
            "name": "Сергей",
            "assignedById": 12,
            "stageId": "IN_PROCESS",
            "sourceId": "OTHER",
        }
        | {"fm": _phone(LEAD_PHONE)},
    )
    crm.add(LEAD, {"title": "Спам", "assignedById": 1, "stageId": "JUNK", "fm": _phone(JUNK_PHONE)})
    for items in crm.items.values():
        for item in items.values():
            item["_created"] = 0.0


def _phone(value: str) -> list[dict[str, str]]:
    return [{"typeId": "PHONE", "valueType": "WORK", "value": value}]
