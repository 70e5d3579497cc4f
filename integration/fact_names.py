"""What facts and operators are called on our screens, in the language that is active."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

FACT_NAMES: Mapping[str, object] = {
    "contact_phone_number": _("Номер клиента"),
    "virtual_phone_number": _("Виртуальный номер"),
    "visitor_phone_number": _("Телефон посетителя"),
    "virtual_number_name": _("Название виртуального номера"),
    "contact_full_name": _("Имя контакта в UIS"),
    "scenario_name": _("Сценарий"),
    "visitor_name": _("Имя посетителя"),
    "visitor_email": _("Почта посетителя"),
    "start_time": _("Начало"),
    "time_of_day": _("Время суток"),
    "weekday": _("День недели"),
    "client_state": _("Клиент"),
    "client_name": _("Имя клиента в CRM"),
    "call_source": _("Источник звонка"),
    "communication_number": _("Номер обращения по счёту"),
    "result": _("Результат"),
    "missed_reason": _("Почему пропущен"),
    "finish_reason": _("Причина завершения"),
    "wait_duration": _("Ожидание"),
    "talk_duration": _("Разговор"),
    "clean_talk_duration": _("Чистый разговор"),
    "total_duration": _("Длительность звонка"),
    "answer_time": _("Время до ответа"),
    "duration": _("Длительность"),
    "messages_count": _("Сообщений"),
    "is_transfer": _("Был перевод"),
    "talked_employees": _("Кто говорил"),
    "rung_employees": _("Кому звонили"),
    "groups": _("Группы"),
    "first_talked_employee_full_name": _("Говорил первым"),
    "last_talked_employee_full_name": _("Говорил последним"),
    "employee_full_name": _("Сотрудник"),
    "last_answered_employee_rating": _("Оценка сотрудника"),
    "full_record_file_link": _("Ссылка на запись"),
    "cpn_region_name": _("Регион номера"),
    "properties": _("Свойства"),
    "chat_channel_type": _("Тип канала"),
    "chat_channel_name": _("Канал"),
    "chat_username": _("Имя в канале"),
    "initiator": _("Кто начал"),
    "release_cause": _("Чем закончился чат"),
    "text": _("Текст"),
    "form_type": _("Тип формы"),
    "form_name": _("Форма"),
    "group_name": _("Группа"),
    "employee_answer_message": _("Ответ сотрудника"),
    "employee_comment": _("Комментарий сотрудника"),
    "sa_scenario_name": _("Сценарий AI-анализа"),
    "sa_call_summary": _("AI-резюме звонка"),
    "sa_communication_score": _("AI-оценка общения"),
    "sa_scenario_score": _("AI-оценка по сценарию"),
    "tags": _("Теги"),
    "attributes": _("Атрибуты"),
    "segments": _("Сегменты"),
    "site_domain_name": _("Сайт"),
    "campaign_name": _("Рекламная кампания"),
    "communication_id": _("Номер обращения"),
    "responsible_name": _("Ответственный"),
    "visitor_city": _("Город посетителя"),
    "visitor_region": _("Регион посетителя"),
    "visitor_country": _("Страна посетителя"),
    "visitor_device": _("Устройство посетителя"),
    "visits_count": _("Посещений"),
    "search_engine": _("Поисковая система"),
    "search_query": _("Поисковый запрос"),
    "referrer": _("Откуда пришёл"),
    "entrance_page": _("Страница входа"),
}
"""The rest are marks of advertising and counters, whose own names everybody knows (utm_source, gclid)."""

OPERATOR_NAMES: Mapping[str, object] = {
    "eq": _("равно"),
    "ne": _("не равно"),
    "contains": _("содержит"),
    "not_contains": _("не содержит"),
    "starts": _("начинается с"),
    "ends": _("заканчивается на"),
    "mask": _("подходит под маску"),
    "in": _("одно из"),
    "not_in": _("ни одно из"),
    "has_all": _("есть все"),
    "lt": _("меньше"),
    "le": _("не больше"),
    "gt": _("больше"),
    "ge": _("не меньше"),
    "between": _("в пределах"),
    "empty": _("не заполнено"),
    "not_empty": _("заполнено"),
}


def fact_name(code: str) -> str:
    """The name of a fact, or its code where that is what people know it by."""
    return str(FACT_NAMES.get(code, code))


def operator_name(code: str) -> str:
    return str(OPERATOR_NAMES.get(code, code))
