"""What a burst costs: requests to the portal are counted, never timed."""

import pytest

from integration.models import Communication, State
from tests.conftest import Product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CALLS = 120


def test_a_burst_of_calls_costs_at_most_four_requests_for_ten_calls(product: Product):
    stories = [
        product.sandbox.tell("missed_call", client_phone=f"7901{number:07d}", employees=[700101])
        for number in range(CALLS)
    ]
    for story in stories:
        story.post()
    product.work()
    for _ in range(120):
        if set(Communication.objects.values_list("state", flat=True)) == {State.DONE}:
            break
        product.pass_time(1)

    portal = product.sandbox.portal
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len(portal.commands("telephony.externalCall.finish", ok=True)) == CALLS
    assert len(portal.requests) <= 0.4 * CALLS
    assert not [request for request in portal.requests if request.status == 503]
    assert portal.max_concurrent == 1
