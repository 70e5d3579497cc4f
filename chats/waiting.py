"""What is not carried over, or not yet: which chat, which request, why, and until when. Pure."""

from datetime import datetime, timedelta

from chats.case import Case
from chats.facts import MAYBE_REPORTED, ChatFacts, RequestFacts
from crm_bitrix.actions import Plan
from integration.rules.facts import is_absent

SILENCE = timedelta(hours=24)
"""After so long without a word a chat is taken to be over."""

REPORT_WAIT = timedelta(minutes=20)
"""How long the report of UIS is waited for: it is read every quarter of an hour."""

CHANNEL_WAIT = timedelta(hours=24)
CONTACTS_WAIT = timedelta(days=7)
PROCESSING_WAIT = timedelta(days=7)
_MOMENT = timedelta(seconds=1)
_NOTIFIED = frozenset({"result"})


def is_silent(chat: ChatFacts, now: datetime) -> bool:
    """Say whether nobody has said a word in this chat for so long that it is taken to be over."""
    return chat.last_at is not None and now - chat.last_at > SILENCE


def chat_that_waits(case: Case, chat: ChatFacts) -> Plan | None:
    """Why nothing is done for this chat yet, or ever; None = it is to be carried over now."""
    if not case.rules.is_active:
        return _withheld()
    if case.is_carried_over:
        return None
    channel = _channel(case, chat)
    if channel is not None:
        return channel
    if not case.is_over and (not chat.is_taken or case.rules.creates_at_end):
        reason = "идёт чат" if chat.is_taken else "ждёт, что оператор возьмёт чат"
        return Plan("waiting", reason, wake_at=_silent_at(case, chat))
    if chat.report.get("status") == "refused" and not chat.is_taken:
        return Plan("ignored", "посетитель ничего не написал")
    since = chat.ended_at or chat.taken_at or case.now
    wants_end = case.is_over and bool(case.rules.end_facts - _NOTIFIED) and not chat.is_reported
    return _contacts(case, chat.started_at) or _report(case, since, bool(chat.report), is_asked=wants_end)


def request_that_waits(case: Case, request: RequestFacts) -> Plan | None:
    """The same of a request."""
    if not case.rules.is_active:
        return _withheld()
    if case.is_carried_over:
        return None
    started_at = request.started_at or case.now
    is_patient = case.now - started_at < PROCESSING_WAIT
    if case.rules.creates_at_end and not case.is_over and is_patient:
        return Plan("waiting", "ждёт обработки оператором", wake_at=started_at + PROCESSING_WAIT + _MOMENT)
    return _contacts(case, request.started_at) or _report(case, started_at, bool(request.report), is_asked=False)


def _withheld() -> Plan:
    return Plan("withheld", "интеграция или вкладка «Чаты и заявки» выключена")


def _channel(case: Case, chat: ChatFacts) -> Plan | None:
    """Chats of channels that nobody watches are left alone; which channel it is, only the report tells."""
    watched = case.rules.channels
    if watched is None or chat.channel_id in watched:
        return None
    name = chat.raw.get("chat_channel_name") or chat.channel_id
    if chat.channel_id is not None:
        return Plan("ignored", f"канал не выбран в настройках: {name}")
    until = (chat.started_at or case.now) + CHANNEL_WAIT
    if case.now < until:
        return Plan("waiting", "ждёт отчёта UIS: из какого канала чат", wake_at=until + _MOMENT)
    return Plan("failed", "отчёт UIS не сказал, из какого канала чат, а выбраны не все каналы")


def _contacts(case: Case, started_at: datetime | None) -> Plan | None:
    if case.rules.without_contacts or case.visitor.contacts:
        return None
    until = (started_at or case.now) + CONTACTS_WAIT
    if case.now < until:
        return Plan("waiting", "ждёт контактов", wake_at=until + _MOMENT)
    return Plan("ignored", "за 7 дней клиент не оставил контактов")


def _report(case: Case, since: datetime, is_told: bool, *, is_asked: bool) -> Plan | None:
    """Wait for the report where filter or rules ask for what only it tells."""
    is_asked = is_asked or (not is_told and bool(_untold(case)))
    until = since + REPORT_WAIT
    if not is_asked or case.now >= until:
        return None
    return Plan("waiting", "ждёт отчёта UIS", wake_at=until + _MOMENT)


def _untold(case: Case) -> set[str]:
    asked = case.rules.deciding_facts & MAYBE_REPORTED
    return {name for name in asked if is_absent(case.raw.get(name))}


def _silent_at(case: Case, chat: ChatFacts) -> datetime:
    return (chat.last_at or case.now) + SILENCE + _MOMENT


def chat_goes_on(case: Case, chat: ChatFacts) -> Plan | None:
    """A chat whose end is still to come, or whose conversation the report has yet to tell."""
    if not case.is_over:
        return Plan("waiting", "идёт чат", wake_at=_silent_at(case, chat))
    until = chat.ended_at + REPORT_WAIT if chat.ended_at and not chat.is_reported else case.now
    return Plan("waiting", "ждёт отчёта UIS о чате", wake_at=until + _MOMENT) if case.now < until else None
