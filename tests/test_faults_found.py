"""Faults of the product that the crash test has found, each in the smallest form that shows it."""

from datetime import timedelta

import pytest

from integration.models import Communication, State
from tests.conftest import Product
from tests.test_lane import NEW_PHONE, survive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kinds", [("missed_call", "answered_call"), ("offline_request", "answered_call")])
def test_a_client_who_was_new_when_nothing_could_be_made_is_looked_for_again(product: Product, kinds: tuple[str, str]):
    portal = product.sandbox.portal
    portal.charge("crm.item.add", portal.operating_limit)
    for kind in kinds:
        product.play(kind, step_by_step=False, client_phone=NEW_PHONE)
        product.pass_time(2)
    assert not [item for item in portal.crm.items[1].values() if item["originId"]]
    # The second one rang last, so its turn comes first when the method may be used again.
    now = Communication.objects.earliest("started_at").started_at
    Communication.objects.filter(pk=Communication.objects.latest("pk").pk).update(rank_at=now - timedelta(days=1))
    product.pass_time(600)
    survive(product)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len([item for item in portal.crm.items[1].values() if item["originId"]]) == 1
