"""Rows of UIS reports, all columns, as the samples show them."""

import json
from typing import Any

from .clock import uis_time
from .story_bodies import PAYLOADS

Row = dict[str, Any]
EXTRA_CALL = {
    "cpn_region_id": 77,
    "cpn_region_name": "г. Москва и Московская область",
    "cpn_country_id": 7,
    "cpn_country_name": "Россия",
    "operator_phone_number": None,
    "wav_call_records": [],
    "postprocess_duration": 0,
    "lost_call_processing_duration": None,
    "communication_number": None,
    "communication_page_url": None,
    "first_answered_employee_full_name": None,
    "last_answered_employee_full_name": None,
    "last_answered_employee_rating": None,
    "scenario_operations": [],
    "call_api_request_id": None,
    "site_id": None,
    "search_query": None,
    "search_engine": None,
    "referrer": None,
    "entrance_page": None,
    "gclid": None,
    "yclid": None,
    "channel": None,
    "source_id": None,
    "source_name": None,
    "person_id": None,
    "visitor_type": None,
    "visitor_session_id": None,
    "visits_count": None,
    "visitor_first_campaign_id": None,
    "visitor_first_campaign_name": None,
    "visitor_city": None,
    "visitor_region": None,
    "visitor_country": None,
    "visitor_device": None,
    "visitor_custom_properties": [],
    "segments": [],
    "ua_client_id": None,
    "ym_client_id": None,
    "sale_date": None,
    "sale_cost": None,
    "properties": None,
}
EXTRA_CHAT = {
    "chat_ad_url": None,
    "visitor_ids": [],
    "employee_messages_count": 1,
    "visitor_profile_url": None,
    "campaign_name": "Посетители без рекламной кампании",
    "utm_content": None,
    "utm_term": None,
    "search_engine": None,
    "search_query": None,
    "visitor_city": None,
    "ua_client_id": None,
}
EXTRA_OFFLINE = {
    "campaign_name": "Посетители без рекламной кампании",
    "employee_answer_message": None,
    "employee_comment": None,
    "utm_content": None,
    "utm_term": None,
    "visitor_city": None,
    "search_engine": None,
    "search_query": None,
    "ua_client_id": None,
    "attributes": [],
}
EXTRA_LEG = {
    "finish_reason_description": None,
    "is_talked": False,
    "employee_full_name": None,
    "employee_phone_number": None,
    "scenario_name": None,
    "contact_id": None,
    "contact_full_name": None,
    "contact_phone_number": None,
}


def columns(report: str) -> Row:
    """All columns of a report with empty values: `calls`, `call_legs`, `chats`, `chat_messages`, `offline_messages`."""
    sample = json.loads((PAYLOADS / f"api.get_{report}_report.response.json").read_text())["result"]["data"][0]
    extra = {"calls": EXTRA_CALL, "call_legs": EXTRA_LEG, "chats": EXTRA_CHAT, "offline_messages": EXTRA_OFFLINE}
    more = {"channel_id": None, "channel_type": None} if report == "chat_messages" else extra[report]
    return {key: [] if isinstance(value, list) else None for key, value in sample.items()} | more


def moment(at: float) -> str:
    """A report's time: whole seconds, account zone."""
    return uis_time(at, fraction=False)
