"""The settings of a large portal: 5 000 employees on both sides, 500 fields; what the page weighs and asks for."""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

from tests import bench_world as world
from tests.bench_figures import RUNS, Figure, Goal

PEOPLE, FIELDS = 5_000, 125
SCREEN = "/bitrix24/app/screen/"


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """The page of all tabs, as the browser asks for it."""
    del quick, part
    with world.postgres() as database, world.product(database) as product:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from tests.frame_posts import open_frame, token_of

        _fill(product)
        token = token_of(open_frame(product.client, product.sandbox))
        took, statements = [], []
        for _ in range(RUNS):
            with CaptureQueriesContext(connection) as captured:
                began = time.thread_time()
                answer = _ask(product, token)
                took.append((time.thread_time() - began) * 1000)
            statements.append(float(len(captured)))
        size = len(gzip.compress(answer.content, 6)) / 1000
    yield Figure("settings of a large portal: size", (size,), "kB gz", goal=Goal("≤", 100))
    yield Figure("settings of a large portal: statements", tuple(statements), "", goal=Goal("≤", 30))
    yield Figure("settings of a large portal: CPU", tuple(took), "ms")


def _ask(product: Any, token: str) -> Any:
    body = json.dumps({"credential": str(product.credential.uuid)})
    answer = product.client.post(SCREEN, body, content_type="text/plain", headers={"x-app-session": token})
    assert answer.status_code == 200, answer.content[:300]
    return answer


def _fill(product: Any) -> None:
    from crm_bitrix.models import BitrixItem
    from integration.models import UisItem

    people = range(10_000, 10_000 + PEOPLE)
    named = {"last_name": "С", "email": "", "is_active": True}
    rows = [_item(product, "user", str(id_), f"Сотрудник {id_}", named) for id_ in people]
    rows += [
        _item(product, "field", f"{owner}.UF_CRM_{number}", f"Поле {number}", {"type": "string", "items": []})
        for owner in ("lead", "deal", "contact", "company")
        for number in range(FIELDS)
    ]
    BitrixItem.objects.bulk_create(rows)
    UisItem.objects.bulk_create(
        UisItem(credential=product.credential, kind="employee", code=str(id_), name=f"Сотрудник {id_}", data={})
        for id_ in people
    )


def _item(product: Any, kind: str, code: str, name: str, data: dict[str, Any]) -> Any:
    from crm_bitrix.models import BitrixItem

    return BitrixItem(portal=product.portal, kind=kind, code=code, name=name, data=data)
