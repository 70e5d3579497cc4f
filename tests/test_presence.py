"""Spreading among those whose working day is open: whom the portal is asked about, and what follows from its answer."""

from typing import Any

import pytest

from crm_bitrix.actions import Answer, Refusal
from crm_bitrix.known import load_known
from crm_bitrix.presence import find_at_work
from integration.models import ResponsibleRule
from integration.rules.facts import StreamKind
from integration.rules.responsible import Assign, AssignTo, Rule
from integration.rules.ruleset import Ruleset, StreamRules
from settings_ui.screen_lint import read_shown
from tests.conftest import Product

NEW_PHONE = "79001112233"


def spreading(*user_ids: int, **keys: Any) -> Rule:
    return Rule("Команда", Assign(AssignTo.SPREAD, user_ids=user_ids, is_only_at_work=True), **keys)


@pytest.mark.parametrize(
    ("rules", "is_told", "raw", "asked", "answer", "at_work"),
    [
        ((spreading(12, 15),), True, {}, [12, 15], {12: "OPENED", 15: "CLOSED"}, {12}),
        ((spreading(12, 15), spreading(15, 1)), True, {}, [12, 15, 1], {12: "PAUSED", 15: "EXPIRED", 1: ""}, {1}),
        ((spreading(12),), True, {}, [12], {12: Refusal("", "User not found")}, {12}),
        ((spreading(12, 15),), True, {"crm:at_work": [15]}, None, {}, {15}),
        ((spreading(12),), False, {}, None, {}, None),
        ((spreading(12, is_active=False),), True, {}, None, {}, None),
        ((Rule("Все", Assign(AssignTo.SPREAD, user_ids=(12, 15))),), True, {}, None, {}, None),
        ((), True, {}, None, {}, None),
    ],
)
def test_only_those_among_whom_a_rule_spreads_are_asked_about_and_once(rules, is_told, raw, asked, answer, at_work):
    steps = find_at_work(Ruleset(1, {}, tells_presence=is_told), StreamRules(StreamKind.INCOMING, rules=rules), raw)
    told = {
        f"day{user_id}": status if isinstance(status, Refusal) else {"STATUS": status}
        for user_id, status in answer.items()
    }
    if asked:
        question = next(steps)
        assert [command.params["USER_ID"] for _name, command in question.commands] == asked
    with pytest.raises(StopIteration) as stop:
        steps.send(Answer(told) if asked else None)
    assert stop.value.value == at_work


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
