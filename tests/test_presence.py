"""Spreading among those whose working day is open: whom the portal is asked about, and what follows from its answer."""

from functools import partial
from typing import Any

import pytest

from crm_bitrix.actions import Answer, Refusal
from crm_bitrix.known import load_known
from crm_bitrix.presence import choose_present
from integration.models import Communication, ResponsibleRule
from integration.rules.facts import StreamKind
from integration.rules.responsible import Assign, AssignTo, Candidates, Rule
from integration.rules.ruleset import Ruleset, StreamRules
from settings_ui.screen_lint import read_shown
from tests.conftest import Product

NEW_PHONE = "79001112233"


def spreading(*user_ids: int, **keys: Any) -> Rule:
    return Rule("Команда", Assign(AssignTo.SPREAD, user_ids=user_ids, is_only_at_work=True), **keys)


FIRST = Rule("Ведущий", Assign(AssignTo.USER, user_ids=(1,)))
AT_THE_END = Rule("Конец", Assign(AssignTo.TALKED), holds_end_fact=True)


@pytest.mark.parametrize(
    ("rules", "is_told", "raw", "answer", "chosen", "learned"),
    [
        ((spreading(12, 15),), True, {}, {12: "OPENED", 15: "CLOSED"}, 12, {12}),
        ((spreading(12), spreading(15, 1)), True, {}, {12: "PAUSED", 15: "EXPIRED", 1: ""}, 1, {1}),
        ((spreading(12),), True, {}, {12: Refusal("", "User not found")}, 12, {12}),
        ((AT_THE_END, spreading(15)), True, {}, {15: "CLOSED"}, 7, set()),
        ((spreading(12, 15),), True, {"crm:at_work": [15]}, {}, 15, None),
        ((spreading(12),), False, {}, {}, 12, None),
        ((spreading(15, is_active=False),), True, {}, {}, 7, None),
        ((spreading(99), FIRST, spreading(12)), True, {}, {}, 1, None),
        ((Rule("Все", Assign(AssignTo.SPREAD, user_ids=(12,))), spreading(15)), True, {}, {}, 12, None),
        ((), True, {}, {}, 7, None),
    ],
)
def test_working_days_are_asked_for_only_where_the_choice_hangs_on_them(rules, is_told, raw, answer, chosen, learned):
    stream = StreamRules(StreamKind.INCOMING, rules=rules, default_responsible_id=7)
    ruleset = Ruleset(1, {StreamKind.INCOMING: stream}, tells_presence=is_told)
    people = Candidates(active_user_ids=frozenset({1, 7, 12, 15}))
    choose = partial(ruleset.choose_responsible, stream.kind, facts={}, at_end=False, seed="1")
    steps = choose_present(ruleset, stream, raw, people, lambda candidates: choose(candidates=candidates))
    told = {
        f"day{user_id}": status if isinstance(status, Refusal) else {"STATUS": status}
        for user_id, status in answer.items()
    }
    if answer:
        question = next(steps)
        assert [command.params["USER_ID"] for _name, command in question.commands] == list(answer)
    with pytest.raises(StopIteration) as stop:
        steps.send(Answer(told) if answer else None)
    choice, remembered = stop.value.value
    assert choice.user_id == chosen
    assert remembered == ({} if learned is None else {"crm:at_work": sorted(learned)})


@pytest.fixture
def team(product: Product) -> ResponsibleRule:
    return ResponsibleRule.objects.create(
        stream=product.stream(), position=0, name="Команда",
        assign={"to": "spread", "users": [12, 15], "only_at_work": True},
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("gone", "at_work"), [(12, 15), (15, 12)])
def test_a_call_goes_to_who_is_at_work_and_stays_his_when_he_goes_home(product: Product, team, gone: int, at_work: int):
    users = product.sandbox.portal.users
    users[gone]["TIMEMAN_STATUS"] = "CLOSED"
    story = product.sandbox.tell("missed_call", client_phone=NEW_PHONE, employees=[700101])
    for number in range(len(story.steps)):
        story.post([number])
        product.work()
        if product.sandbox.portal.commands("crm.item.add"):
            users[gone]["TIMEMAN_STATUS"], users[at_work]["TIMEMAN_STATUS"] = "OPENED", "CLOSED"
    call = product.call(story)
    assert (call.state, call.responsible_id) == ("done", at_work)
    [born] = product.sandbox.portal.commands("crm.item.add", ok=True)
    assert int(born.params["fields"]["assignedById"]) == at_work
    assert len(product.sandbox.portal.commands("timeman.status")) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["missed_call", "offline_request"])
def test_an_earlier_rule_that_decides_spares_the_question(product: Product, team, kind: str):
    for stream in (product.stream(), product.stream("request")):
        for position, assign in enumerate(({"to": "user", "users": [12]}, team.assign)):
            ResponsibleRule.objects.update_or_create(
                stream=stream, position=position, defaults={"name": f"{position}", "assign": assign}
            )
    story = product.play(kind, client_phone=NEW_PHONE)
    told = Communication.objects.get(uis_id=story.id)
    assert (told.state, told.responsible_id) == ("done", 12)
    assert not product.sandbox.portal.commands("timeman.status")


@pytest.mark.django_db(transaction=True)
def test_without_the_right_everybody_counts_as_at_work_and_the_settings_say_so(product: Product, team):
    product.sandbox.portal.scopes = tuple(one for one in product.sandbox.portal.scopes if one != "timeman")
    product.portal.scope = ",".join(product.sandbox.portal.scopes)
    product.portal.save()
    story = product.play("missed_call", client_phone=NEW_PHONE, employees=[700101])
    assert product.call(story).state == "done"
    assert not product.sandbox.portal.commands("timeman.status")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scope", "is_warned"), [("crm,timeman", False), ("crm,telephony", True)])
def test_the_screen_warns_of_working_days_that_the_portal_does_not_tell(product: Product, scope: str, is_warned: bool):
    product.portal.scope = scope
    product.credential.portal = product.portal
    rule = {"name": "К", "assign": {"to": "spread", "users": [{"id": 12}], "only_at_work": True}}
    document = {"chats": {"chat": {"responsible": {"rules": [rule]}}}}
    warned = [fault.path for fault in read_shown(product.credential, document, load_known(product.credential)).warnings]
    assert ("chats.chat.responsible.rules[0].assign.only_at_work" in warned) == is_warned
