"""A portal and a UIS account that know everything the complete example of the settings document speaks of."""

import dataclasses
from pathlib import Path
from typing import Any

from integration.rules.field_values import FieldInfo
from integration.rules.known import LEADS, Entry, Known

PAYLOADS = Path(__file__).resolve().parent / "payloads"
COMPLETE = (PAYLOADS / "settings.complete.json").read_text()
SMALLEST = (PAYLOADS / "settings.smallest.json").read_text()
PORTAL = "acme.bitrix24.ru"


def make_field(code: str, type_: str = "string", title: str = "", **options: Any) -> FieldInfo:
    return FieldInfo(code, type_, title or code, **options)


REASONS = {"7": "Не ответили", "8": "Не дождался"}
KNOWN = Known(
    portal_domain=PORTAL,
    users=(
        Entry(1, "Мария Орлова", email="orlova@example.com"),
        Entry(12, "Пётр Иванов", email="petr@example.com"),
        Entry(15, "Анна Смирнова", email="anna@example.com"),
        Entry(31, "Олег Иванов"),
        Entry(40, "Вера", has_surname=False),
        Entry(41, "Иван Прежний", is_active=False),
        Entry(42, "Лев Исчезнувший", is_gone=True),
        Entry(51, "Юлия Двойная"),
        Entry(52, "Юлия Двойная"),
    ),
    pipelines=(Entry(0, "Продажи"), Entry(3, "Чаты"), Entry(4, "Старая", is_gone=True)),
    stages={
        LEADS: (Entry("NEW", "Не обработан"), Entry("IN_PROCESS", "В работе")),
        0: (Entry("NEW", "Новая"), Entry("WON", "Успех")),
        3: (Entry("C3:NEW", "Новый чат"), Entry("C3:WON", "Чат закрыт")),
    },
    sources=(
        Entry("CALL", "Звонок"),
        Entry("WEB", "Веб-сайт"),
        Entry("UIS_74951234567", "Сайт, телефон"),
        Entry("WEB2", "call"),
    ),
    scenarios=(Entry(88, "Обратный звонок"),),
    channels=(Entry(31, "Telegram-бот"), Entry(32, "Чат на сайте")),
    employees=(Entry(501, "Иванов Пётр"), Entry(502, "Смирнова Анна")),
    fields={
        "lead": {
            "utmSource": make_field("utmSource", title="UTM источник"),
            "comments": make_field("comments", "text", title="Комментарий"),
            "UF_CRM_MISSED_REASON": make_field("UF_CRM_MISSED_REASON", "enumeration", items=REASONS),
            "UF_CRM_CHANNEL": make_field("UF_CRM_CHANNEL", title="Канал"),
            "UF_CRM_CHANNEL_2": make_field("UF_CRM_CHANNEL_2", title="Канал"),
            "UF_CRM_OLD": make_field("UF_CRM_OLD", is_gone=True),
            "id": make_field("id", "integer", is_read_only=True),
        },
        "deal": {"utmCampaign": make_field("utmCampaign")},
        "contact": {
            "UF_CRM_LAST_CALL": make_field("UF_CRM_LAST_CALL"),
            "EMAIL": make_field("EMAIL", "crm_multifield"),
        },
    },
)


def without(known: Known = KNOWN, **changes: Any) -> Known:
    return dataclasses.replace(known, **changes)


def store(portal: Any, credential: Any, known: Known = KNOWN) -> None:
    """Write the dictionaries as synchronisation does."""
    from django.utils import timezone

    from crm_bitrix.models import BitrixItem
    from integration.models import UisItem

    gone = timezone.now()

    def bitrix(kind: str, code: Any, entry: Any, name: str, **data: Any) -> BitrixItem:
        missing = gone if entry.is_gone else None
        return BitrixItem(portal=portal, kind=kind, code=str(code), name=name, data=data, missing_since=missing)

    def uis(kind: str, entry: Entry) -> UisItem:
        return UisItem(credential=credential, kind=kind, code=str(entry.id), name=entry.name, data={"email": ""})

    rows = [
        bitrix(
            "user", user.id, user, user.name, email=user.email, is_active=user.is_active,
            last_name=user.name if user.has_surname else "",
        )
        for user in known.users
    ]  # fmt: skip
    rows += [bitrix("pipeline", entry.id, entry, entry.name) for entry in known.pipelines]
    rows += [bitrix("source", entry.id, entry, entry.name) for entry in known.sources]
    for owner, stages in known.stages.items():
        is_lead = owner == LEADS
        directory = "STATUS" if is_lead else f"DEAL_STAGE_{owner}" if owner else "DEAL_STAGE"
        told = {"object": "lead" if is_lead else "deal", "pipeline": None if is_lead else owner}
        rows += [bitrix("stage", f"{directory}:{each.id}", each, each.name, id=each.id, **told) for each in stages]
    for object_, fields in known.fields.items():
        for code, field in fields.items():
            told = {key: getattr(field, key) for key in ("type", "is_multiple", "is_read_only", "is_immutable")}
            items = [{"id": id_, "name": title} for id_, title in field.items.items()]
            rows.append(bitrix("field", f"{object_}.{code}", field, field.title, items=items, **told))
    BitrixItem.objects.bulk_create(rows)
    UisItem.objects.bulk_create(
        [
            *(uis("scenario", entry) for entry in known.scenarios),
            *(uis("channel", entry) for entry in known.channels),
            *(uis("employee", entry) for entry in known.employees),
        ]
    )
