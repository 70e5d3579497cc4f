"""No statement may read the more, the more is stored: what PostgreSQL looks at for each, among many copies."""

from collections.abc import Callable

import pytest
from django.db import connection

from tests.bench_grown import FEW_PAGES, Seen, store
from tests.conftest import Product
from tests.frame_posts import open_frame, token_of
from tests.plans import Plan, is_explained
from tests.test_clicks import Desk

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 30_000
"""So many that an index that is read as a whole takes more pages than a statement may."""


def told(product: Product) -> None:
    for kind in ("answered_call", "missed_call", "chat_finished", "offline_request"):
        product.play(kind)
        product.pass_time(20)


def together(product: Product) -> None:
    for number in range(20):
        product.sandbox.tell("missed_call", client_phone=f"7940{number:07d}").post()
    product.work()


def asked_for(product: Product) -> None:
    desk = Desk(product)
    desk.click()
    desk.leave_number()


def hours(product: Product) -> None:
    for _ in range(3):
        product.pass_time(3600)


def screens(product: Product) -> None:
    token = token_of(open_frame(product.client, product.sandbox))
    for form in ({}, {"state": "failed"}, {"kind": "chat"}, {"number": "+7 950 000-00-05"}):
        answer = product.client.post("/bitrix24/app/journal/", form, headers={"x-app-session": token})
        assert answer.status_code == 200


@pytest.mark.parametrize("act", [told, together, asked_for, hours, screens])
def test_a_statement_reads_a_few_pages_however_much_is_stored(product: Product, act: Callable[[Product], None]):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite does not tell how much it reads")
    told(product)
    store(product, MANY)
    seen = Seen()
    with connection.execute_wrapper(seen.note):
        act(product)
    plans = [Plan(sql, values) for sql, values in seen.values.items() if is_explained(sql)]
    assert len(plans) > 20
    assert [(plan.pages, plan.text) for plan in plans if plan.pages > FEW_PAGES] == []
