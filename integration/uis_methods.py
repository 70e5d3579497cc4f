"""What the product asks the Data API: directories and reports. One small function each.

A function that returns None where rows are expected says: this account does not have it (no tracking, no chats), which
is no failure. Times given are aware; UIS reads and writes them in the zone of the account. All raise UisError.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache

from integration.events import text, whole_number
from integration.remote import Outcome
from integration.uis import Effect, Row, Uis, UisError, pages
from integration.uis_errors import make_error

_CALL = (
    "id start_time finish_time finish_reason direction source is_lost is_transfer contact_phone_number "
    "virtual_phone_number cpn_region_name wait_duration total_wait_duration talk_duration clean_talk_duration "
    "total_duration call_records full_record_file_link voice_mail_records communication_id communication_type "
    "communication_number employees first_answered_employee_id last_answered_employee_id last_answered_employee_rating "
    "first_talked_employee_id first_talked_employee_full_name last_talked_employee_id last_talked_employee_full_name "
    "scenario_id scenario_name scenario_operations contact_id contact_full_name call_api_external_id tags"
)
_ADVERTISING = (
    "attributes site_domain_name campaign_id campaign_name utm_source utm_medium utm_campaign utm_content utm_term "
    "search_query search_engine referrer entrance_page channel source_name gclid yclid visitor_id visits_count "
    "visitor_city visitor_region visitor_country visitor_device segments ua_client_id ym_client_id"
)
_CHAT = (
    "id status initiator date_time duration answer_time communication_id is_transfer release_cause employee_id "
    "employee_full_name visitor_phone_number visitor_id chat_channel_id chat_channel_type chat_channel_name "
    "chat_user_id chat_username messages_count tags"
)
_REQUEST = (
    "id date_time text communication_id status form_type form_name process_time group_id group_name employee_id "
    "employee_full_name employee_answer_message employee_comment visitor_phone_number visitor_email visitor_name "
    "visitor_id visitor_session_id properties tags"
)
_LEG = (
    "id call_session_id start_time connect_time duration total_duration finish_reason direction is_operator is_failed "
    "is_talked employee_id employee_full_name group_id group_name"
)
CALL_BASE_FIELDS = tuple(_CALL.split())
CALL_FIELDS = (*CALL_BASE_FIELDS, *_ADVERTISING.split(), "properties")
CHAT_BASE_FIELDS = tuple(_CHAT.split())
CHAT_FIELDS = (*CHAT_BASE_FIELDS, *_ADVERTISING.split())
REQUEST_BASE_FIELDS = tuple(_REQUEST.split())
REQUEST_FIELDS = (*REQUEST_BASE_FIELDS, *_ADVERTISING.split())
EMPLOYEE_FIELDS = (
    *("id", "first_name", "last_name", "patronymic", "full_name", "email", "status_id"),
    *("phone_numbers", "extension", "groups"),
)
LEG_FIELDS = tuple(_LEG.split())
COLUMNS_REFUSED_FOR = timedelta(hours=12)
_COLUMN_REFUSED = frozenset({"parameter_component_disabled", "unexpected_parameters"})


@dataclass(frozen=True)
class Account:
    """The account behind a key. `zone_name` is an IANA name, "" when UIS names a zone that does not exist here."""

    app_id: int
    name: str
    zone_name: str


def account(uis: Uis) -> Account:
    """Who the key belongs to: the first question of every connection."""
    answer = uis.ask("get.account", {}, is_urgent=True)
    row = answer.rows[0] if answer.rows else {}
    app_id = whole_number(row, "app_id")
    if app_id is None:
        raise make_error("unreadable_answer", "no app_id", method="get.account", outcome=Outcome.UNKNOWN)
    return Account(app_id, text(row, "name"), _known_zone(text(row, "timezone")))


def employees(uis: Uis) -> tuple[Row, ...] | None:
    """Employees with their phones, extension and groups."""
    return _directory(uis, "get.employees", EMPLOYEE_FIELDS)


def groups(uis: Uis) -> tuple[Row, ...] | None:
    """Groups of employees."""
    return _directory(uis, "get.group_employees")


def virtual_numbers(uis: Uis) -> tuple[Row, ...] | None:
    """Virtual numbers with their scenarios."""
    return _directory(uis, "get.virtual_numbers")


def sites(uis: Uis) -> tuple[Row, ...] | None:
    """Sites with tracking, chats or forms."""
    return _directory(uis, "get.sites")


def campaigns(uis: Uis) -> tuple[Row, ...] | None:
    """Advertising campaigns."""
    return _directory(uis, "get.campaigns")


def scenarios(uis: Uis) -> tuple[Row, ...] | None:
    """Scenarios of call processing."""
    return _directory(uis, "get.scenarios")


def tags(uis: Uis) -> tuple[Row, ...] | None:
    """Tags of communications."""
    return _directory(uis, "get.tags")


def chat_channels(uis: Uis) -> tuple[Row, ...] | None:
    """Channels through which chats come."""
    return _directory(uis, "get.chat_channels")


def sip_lines(uis: Uis) -> tuple[Row, ...] | None:
    """SIP lines with their employees."""
    return _directory(uis, "get.sip_lines")


def calls_report(
    uis: Uis,
    *,
    since: datetime,
    till: datetime,
    ids: Iterable[int] | None = None,
    fields: tuple[str, ...] = CALL_FIELDS,
    first: int | None = None,
) -> tuple[Row, ...]:
    """Calls that began in the window, those still going on included; with `ids` only these of them (none: no request).

    With `first` at most so many, the earliest ones, in one request. Without the columns of advertising when the
    account does not have them.
    """
    params: dict[str, Any] = {"include_ongoing_calls": True, "sort": [{"field": "start_time", "order": "asc"}]}
    both = (fields, CALL_BASE_FIELDS)
    rows = _report(uis, "get.calls_report", since, till, ids=ids, fields=both, params=params, first=first)
    return rows or ()


def call_legs_report(
    uis: Uis, *, since: datetime, till: datetime, session_ids: Iterable[int] | None = None
) -> tuple[Row, ...]:
    """Legs of the calls of the window; with `session_ids` those of these calls only."""
    both = (LEG_FIELDS, ())
    rows = _report(uis, "get.call_legs_report", since, till, ids=session_ids, id_field="call_session_id", fields=both)
    return rows or ()


def chats_report(
    uis: Uis, *, since: datetime, till: datetime, ids: Iterable[int] | None = None
) -> tuple[Row, ...] | None:
    """Chats that began in the window; with `ids` only these of them. None: the account has no chats."""
    return _report(uis, "get.chats_report", since, till, ids=ids, fields=(CHAT_FIELDS, CHAT_BASE_FIELDS))


def chat_messages_report(uis: Uis, *, chat_ids: Iterable[int]) -> tuple[Row, ...] | None:
    """All messages of these chats, oldest first. None: the account has no chats."""
    wanted = list(chat_ids)
    params = {"chat_ids": wanted, "sort": [{"field": "date_time", "order": "asc"}]}
    return _directory(uis, "get.chat_messages_report", params=params) if wanted else ()


def offline_messages_report(
    uis: Uis, *, since: datetime, till: datetime, ids: Iterable[int] | None = None
) -> tuple[Row, ...] | None:
    """Requests left in forms in the window; with `ids` only these of them. None: the account has no forms."""
    both = (REQUEST_FIELDS, REQUEST_BASE_FIELDS)
    return _report(uis, "get.offline_messages_report", since, till, ids=ids, fields=both)


def count(uis: Uis, method: str, *, since: datetime, till: datetime) -> int | None:
    """How many rows a report has for the window, by UIS's own count. None: the account does not have this report."""
    asked = {"date_from": _begin(since, uis.zone), "date_till": _end(till, uis.zone), "fields": ["id"], "limit": 1}
    try:
        return uis.ask(method, asked).total
    except UisError as error:
        if error.effect is Effect.UNAVAILABLE:
            return None
        raise


def _directory(
    uis: Uis,
    method: str,
    fields: tuple[str, ...] = (),
    *,
    params: Mapping[str, Any] | None = None,
    first: int | None = None,
) -> tuple[Row, ...] | None:
    try:
        if first is not None:
            asked = {**(params or {}), **({"fields": list(fields)} if fields else {})}
            return uis.ask(method, {**asked, "limit": first, "offset": 0}).rows
        return tuple(row for page in pages(uis, method, params or {}, fields) for row in page)
    except UisError as error:
        if error.effect is Effect.UNAVAILABLE:
            return None
        raise


def _report(
    uis: Uis,
    method: str,
    since: datetime,
    till: datetime,
    *,
    ids: Iterable[int] | None = None,
    id_field: str = "id",
    fields: tuple[tuple[str, ...], ...] = ((),),
    params: Mapping[str, Any] | None = None,
    first: int | None = None,
) -> tuple[Row, ...] | None:
    """Rows of a window. Where the account refuses a column, the next, shorter set of columns is asked for, and for
    some hours that one at once: an account without advertising would pay for two requests at every poll."""
    wanted = None if ids is None else list(ids)
    if wanted == []:
        return ()
    asked = {**(params or {}), "date_from": _begin(since, uis.zone), "date_till": _end(till, uis.zone)}
    if wanted is not None:
        asked["filter"] = {"field": id_field, "operator": "in", "value": wanted}
    known = f"uis-columns:{uis.lane}:{method}"
    begin = cache.get(known, 0) if uis.lane else 0
    for number, columns in enumerate(fields[begin:-1], begin + 1):
        try:
            return _directory(uis, method, columns, params=asked, first=first)
        except UisError as error:
            if error.mnemonic not in _COLUMN_REFUSED:
                raise
            cache.set(known, number, COLUMNS_REFUSED_FOR.total_seconds())
    return _directory(uis, method, fields[-1], params=asked, first=first)


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else ""
    except (KeyError, ValueError, OSError):  # no such zone, a path, a directory
        return ""


def _begin(at: datetime, zone: ZoneInfo) -> str:
    return _wall(at, zone, timedelta(hours=-1))


def _end(at: datetime, zone: ZoneInfo) -> str:
    return _wall(at + timedelta(microseconds=999_999), zone, timedelta(hours=1))


def _wall(at: datetime, zone: ZoneInfo, widen: timedelta) -> str:
    """The time on the account's wall. In the hour that comes twice nobody knows which one UIS takes: both then."""
    local = at.astimezone(zone)
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return (local.replace(tzinfo=None) + (widen if is_twice else timedelta())).strftime("%Y-%m-%d %H:%M:%S")
