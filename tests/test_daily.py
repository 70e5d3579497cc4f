"""What is done once a day."""

import pytest

from crm_bitrix import daily, telling
from crm_bitrix.models import BitrixItem
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dismissed_default_responsible_is_told_to_the_administrator_before_it_hurts(product: Product):
    product.credential.streams.filter(kind="incoming").update(default_responsible_id=15)
    do_the_day()
    assert not product.sandbox.portal.notifications
    BitrixItem.objects.filter(kind="user", code="15").update(data={"is_active": False})

    do_the_day()
    do_the_day()

    tag = f"uis-default_responsible-credential:{product.credential.pk}"
    [notice] = [row for row in product.sandbox.portal.notifications if row["tag"] == tag]
    assert notice["user_id"] == 1
    assert "Анна Смирнова" in notice["text"]
    asked = product.sandbox.portal.commands("im.notify.system.add", ok=True)
    assert [record.params["TAG"] for record in asked].count(tag) == 1


def test_one_part_that_fails_does_not_keep_the_others_from_their_turn(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(daily, "PARTS", ("crm_bitrix.nobody.nothing", "crm_bitrix.preflight.check_portals"))
    product.credential.streams.filter(kind="chat").update(default_responsible_id=777)
    do_the_day()
    assert len(product.sandbox.portal.notifications) == 1


def do_the_day() -> None:
    """Every part in its order, and what they found told."""
    for position in range(len(daily.PARTS)):
        daily.run(position)
    telling.tell()


def test_it_is_asked_for_once_a_day_however_many_ticks_there_are(product: Product, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(daily, "async_task", lambda name, **_options: asked.append(name))
    for _ in range(5):
        daily.want()
    product.clock.shift(86_400)
    daily.want()
    assert asked == ["crm_bitrix.daily.run"] * 2
