"""The end of a call in the portal: finish, what else there is to hear and to read, notifications. Pure."""

from collections.abc import Sequence
from hashlib import sha256

from crm_bitrix import payloads
from crm_bitrix.actions import Action, RecordLink, ResultOf
from crm_bitrix.clients import Client
from integration.rules.phones import show_phone
from telephony import calling, creation, messages, outcome
from telephony.case import Case, talker_id
from telephony.facts import CallFacts, FileLink


def ends_with(case: Case, responsible_id: int) -> int:
    """The user with whom the call has ended in the portal, or is to end: who talked last."""
    if "finish" in case.done:
        return int(case.done["finish"].params["USER_ID"])
    return case.user_of(talker_id(case.call)) or responsible_id


def finish(case: Case, client: Client, created: Sequence[Action], *, ends_with: int) -> list[Action]:
    """End the call in the portal; show it in the deal too, with what else there is to hear and to read.

    `ends_with` is the user with whom it ends.
    """
    call = case.call
    call_id, activity_id = case.call_id, ResultOf("finish", "CRM_ACTIVITY_ID")
    actions = [
        payloads.finish_call(
            call_id=call_id,
            user_id=ends_with,
            duration_seconds=call.talk_seconds if call.is_answered else 0,
            status=_status(case),
        )
    ]
    deal = calling.deal_of(case) or creation.deal_of(client, created, case.done)
    if deal is not None:
        actions.append(payloads.bind_activity("deal", deal, activity_id=activity_id, key="bind"))
    others = _files(case)[1:]
    bound = creation.bound_to(client, created, case.done)
    if others and bound:
        text = messages.other_records([file.link for file in others], case.ruleset.language)
        key = f"records:{sha256(text.encode()).hexdigest()[:12]}"  # which is the longest may turn out only later
        actions.append(payloads.note_activity(bound, activity_id=activity_id, text=text, key=key))
    if call.transcript:
        actions.append(payloads.attach_transcript(call_id=call_id, phrases=call.transcript))
    return actions


def _status(case: Case) -> str:
    if case.is_missed and case.asked is None:
        return payloads.MISSED
    reason = str(case.call.report.get("finish_reason") or "")
    return outcome.made_call_status(reason, is_answered=case.call.is_answered)


def notices(case: Case, client: Client, item: str | None, responsible_id: int) -> list[Action]:
    """One notification per call: of what was created for the responsible, or that he missed a call."""
    if not case.rules.notify or not (item or case.is_missed):
        return []
    main = (client.main.type, client.main.id) if client.main else None
    message = messages.notice(
        "missed" if case.is_missed else "created",
        language=case.ruleset.language,
        detail=show_phone(case.call.phone),
        item=(item, ResultOf(item)) if item else main,
    )
    return [payloads.notify(responsible_id, message, tag=tag(case.call), key="notify")]


def tag(call: CallFacts) -> str:
    """What the notifications of a call have in common: a later one takes the place of the one before."""
    return f"uis-call-{call.session_id}"


def _files(case: Case) -> list[FileLink]:
    """The recordings of the call, the one to attach first: the longest, which is the whole conversation if UIS has it;
    a voice mail where nobody talked."""
    if not case.ruleset.telephony.records:
        return []
    files = case.call.records or case.call.voice_mails
    return sorted(files, key=lambda file: (-file.seconds, file.record_id))


def records(case: Case) -> tuple[RecordLink, ...]:
    """The recording that is carried over as the record of the call."""
    return tuple(RecordLink(file.record_id, file.link, f"{case.call.session_id}.mp3") for file in _files(case)[:1])


def reason(case: Case, client: Client, created: Sequence[Action]) -> str:
    """How the call was carried over, for the journal."""
    item = creation.made_item(created, case.done)
    if item:
        return "создан лид" if item == "lead" else "создана сделка"
    return "передан на найденного клиента" if client.main else "передан без объекта CRM"
