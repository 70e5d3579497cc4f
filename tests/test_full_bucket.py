"""A portal whose bucket is full: what needs several requests gets them one by one, and is not begun anew for ever."""

import pytest
from django.utils import timezone

from integration import lanes
from integration.models import Communication, Lane, State
from tests.conftest import Product


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["missed_call", "offline_request"])
def test_work_that_begins_with_a_full_bucket_comes_to_its_end(product: Product, kind: str):
    full = {"bucket_level": lanes.LIVE_LEVEL, "bucket_at": timezone.now()}
    Lane.objects.filter(name=product.portal.live_lane).update(**full)
    story = product.sandbox.tell(kind)
    story.post()
    for _ in range(30):
        product.pass_time(0.5)
    assert Communication.objects.get(uis_id=story.id).state == State.DONE
