"""Which columns the reports have, and which come unasked."""

from typing import Any

from .uis_rows import columns

REPORTS: dict[str, tuple[str, str, frozenset[str]]] = {
    "get.calls_report": ("calls", "start_time", frozenset({"include_ongoing_calls"})),
    "get.call_legs_report": ("legs", "start_time", frozenset()),
    "get.chats_report": ("chats", "date_time", frozenset()),
    "get.chat_messages_report": ("chat_messages", "date_time", frozenset({"chat_id", "chat_ids"})),
    "get.offline_messages_report": ("offline_messages", "date_time", frozenset({"include_tech_offline_messages"})),
}
"""Method: attribute of the account, the column that cannot be filtered, parameters of its own."""

DEFAULT_COLUMNS: dict[str, tuple[str, ...]] = {
    "get.calls_report": tuple(
        [
            "id",
            "start_time",
            "finish_time",
            "finish_reason",
            "direction",
            "source",
            "is_lost",
            "contact_phone_number",
            "virtual_phone_number",
            "cpn_region_id",
            "cpn_region_name",
            "cpn_country_id",
            "cpn_country_name",
            "wait_duration",
            "total_wait_duration",
            "talk_duration",
            "clean_talk_duration",
            "total_duration",
            "call_records",
            "wav_call_records",
            "full_record_file_link",
            "communication_id",
            "communication_type",
        ]
    ),
    "get.call_legs_report": tuple(
        [
            "id",
            "call_session_id",
            "start_time",
            "connect_time",
            "duration",
            "total_duration",
            "finish_reason",
            "virtual_phone_number",
            "calling_phone_number",
            "called_phone_number",
            "direction",
            "is_transfered",
            "is_operator",
            "is_coach",
            "is_failed",
            "employee_id",
            "employee_rating",
            "scenario_id",
            "action_id",
            "action_name",
            "group_id",
            "group_name",
            "call_records",
            "wav_call_records",
        ]
    ),
    "get.chats_report": tuple(
        [
            "id",
            "status",
            "initiator",
            "date_time",
            "duration",
            "answer_time",
            "communication_id",
            "chat_ad_url",
            "is_group_chat",
            "is_transfer",
            "release_cause",
            "employee_id",
            "employee_raiting",
            "site_id",
            "campaign_id",
            "visitor_phone_number",
            "visitor_id",
            "visitor_ids",
        ]
    ),
    "get.chat_messages_report": tuple(
        [
            "id",
            "chat_id",
            "date_time",
            "text",
            "source",
            "resource",
            "visitor_id",
            "employee_id",
            "employee_full_name",
            "is_group_chat",
        ]
    ),
    "get.offline_messages_report": tuple(
        [
            "id",
            "text",
            "communication_id",
            "status",
            "form_type",
            "employee_id",
            "site_id",
            "campaign_id",
            "visitor_phone_number",
            "visitor_email",
            "visitor_name",
            "visitor_id",
            "visitor_session_id",
            "properties",
            "is_agree_to_process_personal_data",
            "is_agree_to_mailing",
        ]
    ),
}


def known_columns(method: str, rows: list[dict[str, Any]]) -> set[str]:
    """All columns one may ask for."""
    if method in REPORTS:
        return set(columns(method.removeprefix("get.").removesuffix("_report")))
    return {name for row in rows for name in row if not name.startswith("_")}
