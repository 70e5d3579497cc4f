"""How many SQL queries the live lane spends on a communication: counted, for they do not depend on the machine."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm_bitrix import rulesets
from crm_bitrix.known import load_known
from crm_bitrix.models import BitrixItem
from integration.models import Communication, State
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
PETR = 700101
BURST = 10


@pytest.fixture
def warm(product: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    """The ruleset is kept, as in a process that works."""
    monkeypatch.setattr("crm_bitrix.rulesets.KEPT_SECONDS", 60)
    return product


def work(product: Product) -> int:
    with CaptureQueriesContext(connection) as captured:
        product.work()
    return len(captured)


@pytest.mark.parametrize("kind", ["answered_call", "missed_call", "chat_finished", "offline_request"])
def test_a_communication_in_a_burst_costs_at_most_twenty_five_queries(warm: Product, kind: str):
    emails = [{"email": f"client{number}@example.com"} for number in range(BURST + 1)]
    stories = [warm.sandbox.tell(kind, **(email if "call" not in kind else {})) for email in emails]
    stories[0].post()
    warm.work()
    for story in stories[1:]:
        story.post()
    queries = work(warm)
    expected = State.WAITING if kind == "chat_finished" else State.DONE  # what was said in a chat the report tells
    assert set(Communication.objects.values_list("state", flat=True)) == {expected}
    assert queries / BURST <= 25


def test_a_notification_of_a_quiet_call_costs_the_round_and_little_more(warm: Product):
    """Ten notifications, each in a drain of its own: what is not decided anew asks for a fixed few rows."""
    warm.play("missed_call")
    story = warm.sandbox.tell("answered_call", employees=[PETR])
    costs: dict[str, int] = {}
    for number, body in enumerate(story.bodies):
        story.post([number])
        costs[body["event"]] = work(warm)
    assert warm.call(story).state == State.DONE
    assert costs["call_proceeding"] <= 50  # the lead is made, the card shown
    assert costs["call_session_finished"] <= 40
    assert sum(costs.values()) / len(costs) <= 27


def test_events_cost_nothing_each_when_they_are_read_together(warm: Product):
    def cost(stories: list[Any]) -> int:
        for story in stories:
            story.post([0, 1, 2])
        return work(warm)

    warm.play("missed_call")
    first = cost([warm.sandbox.tell("answered_call")])
    ten = cost([warm.sandbox.tell("answered_call") for _ in range(10)])
    assert ten - first <= 9 * 6


def test_a_ruleset_reads_the_mapped_fields_and_what_they_choose_from_nothing_else(product: Product):
    def add(kind: str, code: str, **data: Any) -> None:
        BitrixItem.objects.create(portal=product.portal, kind=kind, code=code, name=code, data=data)

    add("field", "lead.utmSource", type="string")
    add("field", "lead.honorific", type="crm_status", directory="HONORIFIC")
    add("field", "lead.other", type="user")
    add("status", "HONORIFIC:HNR_RU_1")
    assert rulesets.load(product.credential).fields == {}
    for position, field in enumerate(("utmSource", "honorific", "gone")):
        product.stream().field_mappings.create(position=position, constant="x", object="lead", field=field)
    fields = rulesets.load(product.credential).fields["lead"]
    assert fields.keys() == {"utmSource", "honorific"}
    assert (fields["honorific"].items, fields["utmSource"].items) == ({"HNR_RU_1": "HONORIFIC:HNR_RU_1"}, {})
    whole = load_known(product.credential).fields["lead"]
    assert fields == {name: whole[name] for name in fields}
