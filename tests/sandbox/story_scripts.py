"""Scripts of calls: who rings, who answers, how it ends."""

from .story_calls import CallPlan

LOST_REASON = "Не дозвонились до сотрудника"


def answered_call(plan: CallPlan) -> None:
    """Incoming: one phone rings and answers."""
    plan.begin()
    leg = plan.ring(plan.people[0])
    plan.wait(plan.ring_seconds)
    plan.answer(leg)
    plan.talk(leg, plan.talk_seconds)
    plan.end()


def analysed_call(plan: CallPlan) -> None:
    """Incoming, answered; minutes later UIS tells what was said, what its AI thinks of it, and a tag."""
    answered_call(plan)
    said = [("12.5", True, "Добрый день, отдел продаж"), ("16.0", False, "Здравствуйте, сколько стоит доставка?")]
    plan.tell_afterwards(
        40,
        "call_session_recognized",
        call_session_recognized_text_array=[
            {"start_time": at, "is_operator": is_operator, "phrase": phrase} for at, is_operator, phrase in said
        ],
    )
    plan.tell_afterwards(
        60,
        "ai_result_ready",
        sa_scenario_name="Контроль скрипта",
        sa_communication_score=8,
        sa_scenario_score=75,
        sa_call_summary="Клиент спросил о доставке.",
        tag_names=["Целевой"],
        # the vendor's own body calls them otherwise
        scenario_name="Контроль скрипта",
        communication_score=8,
        scenario_score=75,
        call_summary="Клиент спросил о доставке.",
        tags=["Целевой"],
    )
    plan.tell_afterwards(70, "set_mark", tag_id=5, tag_name="Доставка")


def missed_call(plan: CallPlan) -> None:
    """Incoming: the phones ring in turn and nobody answers."""
    plan.is_lost, plan.reason = True, "subscriber_disconnects"
    plan.begin()
    for person in plan.people:
        leg = plan.ring(person)
        plan.wait(plan.ring_seconds)
        plan.hang_up(leg)
    plan.end(lost_reason=LOST_REASON)


def group_call(plan: CallPlan) -> None:
    """Incoming: two phones ring together, the last one answers."""
    people = plan.people if len(plan.people) > 1 else plan.uis.employees[:2]
    plan.begin()
    legs = [plan.ring(person) for person in people]
    plan.wait(plan.ring_seconds)
    plan.answer(legs[-1])
    for leg in legs[:-1]:
        plan.hang_up(leg)
    plan.talk(legs[-1], plan.talk_seconds)
    plan.end()


def transfer(plan: CallPlan) -> None:
    """Incoming: the first answers and hands over to the second."""
    people = plan.people if len(plan.people) > 1 else plan.uis.employees[:2]
    plan.is_transfer = True
    plan.begin()
    first = plan.ring(people[0])
    plan.wait(plan.ring_seconds)
    plan.answer(first)
    plan.talk(first, plan.talk_seconds * 0.3)
    second = plan.ring(people[1])
    plan.wait(plan.ring_seconds)
    plan.answer(second)
    plan.talk(second, plan.talk_seconds * 0.7)
    plan.end()


def voice_mail(plan: CallPlan) -> None:
    """Incoming: nobody answers, the caller leaves a message."""
    plan.is_lost, plan.reason = True, "subscriber_disconnects"
    plan.begin()
    leg = plan.ring(plan.people[0])
    plan.wait(plan.ring_seconds)
    plan.hang_up(leg)
    plan.voice_mail(int(min(21, plan.talk_seconds)))
    plan.end(lost_reason=LOST_REASON)


def outgoing_call(plan: CallPlan) -> None:
    """Outgoing from the employee's phone, answered."""
    plan.reason = "operator_disconnects"
    plan.begin_out(plan.people[0])
    leg = plan.ring(plan.people[0])
    plan.wait(plan.ring_seconds)
    plan.answer(leg)
    plan.talk(leg, plan.talk_seconds)
    plan.end()


def outgoing_unanswered(plan: CallPlan) -> None:
    """Outgoing, the client does not answer."""
    plan.is_lost, plan.reason = True, "no_success_subscriber_call"
    plan.begin_out(plan.people[0])
    leg = plan.ring(plan.people[0])
    plan.wait(plan.ring_seconds * 2)
    plan.hang_up(leg)
    plan.end()


def click_to_call(plan: CallPlan) -> None:
    """Outgoing through the Call API: the first notification carries no external id, the later ones do."""
    plan.reason = "operator_disconnects"
    plan.begin_out(plan.people[0], source="callapi")
    leg = plan.ring(plan.people[0])
    plan.wait(plan.ring_seconds)
    plan.answer(leg)
    plan.talk(leg, plan.talk_seconds)
    plan.end()


CALLS = {
    function.__name__: function
    for function in (
        answered_call,
        analysed_call,
        missed_call,
        group_call,
        transfer,
        voice_mail,
        outgoing_call,
        outgoing_unanswered,
        click_to_call,
    )
}
