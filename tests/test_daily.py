"""What is done once a day."""

import pytest

from crm_bitrix import daily
from crm_bitrix.models import BitrixItem
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dismissed_default_responsible_is_told_to_the_administrator_before_it_hurts(product: Product):
    product.credential.streams.filter(kind="incoming").update(default_responsible_id=15)
    daily.run()
    assert not product.sandbox.portal.notifications
    BitrixItem.objects.filter(kind="user", code="15").update(data={"is_active": False})

    daily.run()
    daily.run()

    [notice] = product.sandbox.portal.notifications
    told = product.sandbox.portal.commands("im.notify.system.add", ok=True)[-1].params
    assert (str(told["USER_ID"]), told["TAG"]) == ("1", "uis-default-responsible")
    assert "Входящие звонки" in told["MESSAGE"]
    assert notice


def test_one_part_that_fails_does_not_keep_the_others_from_their_turn(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        daily, "PARTS", ("crm_bitrix.nobody.nothing", "crm_bitrix.preflight.check_default_responsibles")
    )
    product.credential.streams.filter(kind="chat").update(default_responsible_id=777)
    daily.run()
    assert len(product.sandbox.portal.notifications) == 1


def test_it_is_asked_for_once_a_day_however_many_ticks_there_are(product: Product, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(daily, "async_task", lambda name, **_options: asked.append(name))
    for _ in range(5):
        daily.want()
    product.clock.shift(86_400)
    daily.want()
    assert asked == ["crm_bitrix.daily.run"] * 2
