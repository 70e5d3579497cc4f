"""The facts of a call that filters, responsible rules, titles and mappings may speak of. Pure."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from integration.events import person_name
from integration.rules.facts import FactValue, StreamKind, derive_time_facts
from telephony.facts import CallFacts, employees_of, gathered

AI_FACTS = ("sa_scenario_name", "sa_call_summary", "sa_communication_score", "sa_scenario_score")
"""What the AI analysis of UIS tells of a talk, minutes after it."""


def rule_facts(
    call: CallFacts, *, zone: tzinfo, client_state: str, client_name: str, number_name: str = ""
) -> dict[str, FactValue]:
    """The facts of a call as far as they are known; `number_name` is what the account calls its virtual number."""
    raw, end, lost = call.raw, call.raw.get("end", {}), call.raw.get("lost", {})
    known: dict[str, FactValue] = {
        "communication_id": call.session_id,
        "contact_phone_number": call.phone,
        "virtual_phone_number": call.line_number,
        "virtual_number_name": number_name,
        "contact_full_name": raw.get("contact_full_name"),
        "scenario_name": raw.get("scenario_name"),
        "call_source": raw.get("call_source"),
        "communication_number": _number(raw.get("communication_number")),
        "client_state": client_state,
        "client_name": client_name,
    }
    if call.started_at:
        known |= derive_time_facts(call.started_at, zone)
    if call.is_over:
        waited = end.get("wait_seconds")
        known |= {
            "result": call.result,
            "missed_reason": missed_reason(call),
            "talk_duration": call.talk_seconds,
            "total_duration": end.get("total_seconds"),
            "wait_duration": lost.get("wait_seconds") if waited is None else waited,
            "is_transfer": end.get("is_transfer"),
            "tags": _tags(call),
        }
    return known | _facts_of_the_report(call) | _facts_of_the_ai(call)


_COLUMNS = (
    "finish_reason talk_duration clean_talk_duration last_answered_employee_rating full_record_file_link "
    "cpn_region_name properties site_domain_name campaign_name utm_source utm_medium utm_campaign utm_content "
    "utm_term search_engine search_query referrer entrance_page channel source_name gclid yclid ua_client_id "
    "ym_client_id visitor_id visitor_city visitor_region visitor_country visitor_device visits_count communication_id"
)
_SAME_NAME = tuple(_COLUMNS.split())


def _facts_of_the_report(call: CallFacts) -> dict[str, FactValue]:
    report, people = call.report, employees_of(call.report)
    names = {row["id"]: person_name(row["name"]) for row in people}
    known: dict[str, FactValue] = {name: report[name] for name in _SAME_NAME if name in report}
    known |= {name: tuple(report[name]) for name in ("attributes", "segments") if name in report}
    for which in ("first_talked_employee", "last_talked_employee"):
        name = report.get(f"{which}_full_name") or names.get(report.get(f"{which}_id"))
        known |= {f"{which}_full_name": person_name(name)} if name else {}
    lists = {
        "rung_employees": tuple(name for name in names.values() if name),
        "talked_employees": tuple(names[row["id"]] for row in people if row["is_talked"] and names[row["id"]]),
        "groups": call.groups,
    }
    return known | {name: value for name, value in lists.items() if value}


def _facts_of_the_ai(call: CallFacts) -> dict[str, FactValue]:
    """Of several scenarios the word of the last one counts."""
    results = sorted((result for _name, result in gathered(call.raw, "ai")), key=lambda result: result["at"])
    return {name: result[name] for result in results for name in AI_FACTS if name in result}


_MISSED_REASONS: Mapping[str, str] = {
    reason: meaning
    for meaning, reasons in {
        "busy": "operator_busy operator_channels_busy employee_busy employee_busy_after_call",
        "declined": "operator_disconnects",
        "after_hours": (
            "employee_inactive_by_schedule employee_phone_inactive_by_schedule group_inactive_by_schedule "
            "phone_group_inactive_by_schedule employee_status_not_at_work"
        ),
        "in_queue": "call_enqueued action_interval_exceeded",
        "in_menu": (
            "disconnect_before_call_processing no_operation incorrect_input timeout max_transition_count_exceeded "
            "scenario_disconnects"
        ),
    }.items()
    for reason in reasons.split()
}
"""How UIS says that a call ended → why nobody talked. For the rest it counts whether a phone rang."""


def missed_reason(call: CallFacts) -> str | None:
    """Why nobody talked in an incoming call that is over; None when somebody did, or it is an outgoing one."""
    if call.stream is not StreamKind.INCOMING or call.is_answered:
        return None
    if call.voice_mails:
        return "voice_mail"
    reason = _MISSED_REASONS.get(call.report.get("finish_reason", ""))
    return reason or ("no_answer" if call.rings else "in_queue" if call.groups else "in_menu")


def _number(value: Any) -> int | None:
    return int(value) if str(value or "").isdecimal() else None


def _tags(call: CallFacts) -> tuple[str, ...]:
    """Tags of the end, those put on and off since, and those of the AI. What the report has seen is known to it."""
    names = dict.fromkeys(call.raw.get("end", {}).get("tag_names", ()), True)
    marks = [(tag["at"], tag["name"], tag["is_set"]) for _name, tag in gathered(call.raw, "tag")]
    results = [result for _name, result in gathered(call.raw, "ai")]
    marks += [(result["at"], name, True) for result in results for name in result.get("tag_names", ())]
    seen_at = call.report.get("seen_at", "")
    names |= {name: is_set for at, name, is_set in sorted(marks) if at > seen_at}
    return tuple(name for name, is_set in names.items() if is_set and name)
