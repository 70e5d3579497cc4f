"""A service that has stored many communications, in a process of its own, and what further ones cost it.

A call with its thirteen notifications is worked on as in life, in this process; the portal's part and the waiting for
it are not counted, PostgreSQL's part is. Once step by step, each notification in a drain of its own and a tick after
all: the dearest way; once twenty calls together, as on a machine that has something to do. What is stored are copies of
such calls. They have the columns that are searched by, each with a value of its own, one notification, one action, one
recording, one link of a client and one request each, and short texts.
"""

import gc
import gzip
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest import mock
from uuid import UUID

from tests import bench_world as world
from tests.bench_figures import Figure, Goal, short

CALLS, TOGETHER, PAGES_ASKED = 4, 20, 9
FEW_PAGES = 50
"""Of indexes and tables for a value that is looked for, with all that changing a row takes."""

SHOWN_PLANS = 6
COPIES = 1_000_000_000
"""Ids from here on are those of copies."""


@dataclass
class Costs:
    """What a few communications cost, each. `cpu_ms` is this process and PostgreSQL, `database_ms` PostgreSQL alone."""

    cpu_ms: float
    database_ms: float
    statements: float
    kilobytes: float


class Seen:
    """Which statements were carried out, how often, and with which values at last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.count: Counter[str] = Counter()

    def note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """An execute wrapper."""
        if not many:
            self.values[sql] = params
        self.count[sql] += 1
        return execute(sql, params, many, context)


def serve(pipe: Any, size: int) -> None:
    """Store so many, say so, and answer requests: `work` and `plans` in one of the ways, `journal`; none ends it."""
    with world.postgres() as database, world.product(database) as product:
        for work in WAYS.values():
            work(product)  # what a process loads once, and what is copied
        store(product, size)
        seen: dict[str, Seen] = {}
        pipe.send("ready")
        while request := pipe.recv():
            what, *way = request
            if what == "work":
                costs, seen[way[0]] = WAYS[way[0]](product)
                pipe.send(costs)
            elif what == "plans":
                pipe.send(_plans(way[0], seen[way[0]], size))
            else:
                pipe.send(list(_journal(product, size)))


def _one_by_one(product: Any) -> tuple[Costs, Seen]:
    """Calls of new clients, notification by notification, until their reports have come."""

    def work() -> None:
        for _ in range(CALLS):
            product.play("answered_call", **_new_client())
            _let_reports_come(product)

    return _cost(work, CALLS)


def _together(product: Any) -> tuple[Costs, Seen]:
    """Calls of new clients, told at once, until their reports have come."""
    from integration import ringer

    stories = [product.sandbox.tell("answered_call", **_new_client()) for _ in range(TOGETHER)]

    def work() -> None:
        left: set[UUID] = set()
        with mock.patch.object(ringer, "leave", left.add):  # as in a web process: one look for what comes at once
            for story in stories:
                story.post()
        ringer.ring(left)
        product.work()
        _let_reports_come(product)

    return _cost(work, TOGETHER)


WAYS: Mapping[str, Callable[[Any], tuple[Costs, Seen]]] = {
    "one by one": _one_by_one,
    f"{TOGETHER} at once": _together,
}


def _let_reports_come(product: Any) -> None:
    product.pass_time(10)
    product.pass_time(10)


def _new_client() -> dict[str, Any]:
    return {"client_phone": f"7940{next(_serial):07d}", "employees": [world.PETR]}


_serial = count(1)


def _cost(work: Callable[[], None], calls: int) -> tuple[Costs, Seen]:
    from django.db import connection

    seen, stored, database = Seen(), _bytes(), world.postgres_seconds()
    gc.collect()
    gc.freeze()  # what the sandbox, in the same process, holds of earlier runs is not looked through in this one
    began = time.thread_time()
    with connection.execute_wrapper(seen.note):
        work()
    own_ms = (time.thread_time() - began) * 1000 / calls
    database_ms = (world.postgres_seconds() - database) * 1000 / calls
    statements = seen.count.total() / calls
    costs = Costs(own_ms + database_ms, database_ms, statements, (_bytes() - stored) / 1024 / calls)
    _assert_finished()
    return costs, seen


def _assert_finished() -> None:
    """Each run has carried over everything of its calls, reports and recordings too: else the next one would."""
    from integration.models import Communication
    from telephony.models import Record

    assert not Communication.objects.filter(pk__lt=COPIES, report_at__isnull=False).exists()
    assert not Record.objects.filter(pk__lt=COPIES).exclude(state=Record.State.DONE).exists()


def _bytes() -> int:
    """What the rows of all communications that were not copied take."""
    from django.db import connection

    with connection.cursor() as cursor:
        total = 0
        for table in _COPIED:
            cursor.execute(f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {table} t WHERE id < %s", [COPIES])
            total += cursor.fetchone()[0]
        return int(total)


_AGO = "now() - make_interval(secs => g)"
_PHONE = "'+79' || (500000000 + g)"
_OF_COPY = {"id": f"{COPIES} + g", "communication_id": f"{COPIES} + g"}
_COPIED: Mapping[str, Mapping[str, str]] = {
    "integration_communication": {
        "id": f"{COPIES} + g",
        "uis_id": f"({COPIES} + g)::text",
        "client_phone": _PHONE,
        "client_keys": f"jsonb_build_array('phone:' || {_PHONE})",
        "trace": "'[]'",
        "due_at": "NULL",
        "report_at": "NULL",
        "started_at": _AGO,
        "rank_at": _AGO,
    },
    "integration_inboxevent": _OF_COPY
    | {"dedupe_key": "md5(g::text)", "body": "decode(repeat('00', 100), 'hex')", "received_at": _AGO},
    "crm_bitrix_crmaction": _OF_COPY | {"params": "'{}'"},
    "telephony_record": _OF_COPY | {"record_id": "g::text"},
    "integration_clientlink": {"id": f"{COPIES} + g", "key": f"'phone:' || {_PHONE}", "object_id": "g", "at": _AGO},
    "crm_bitrix_requestlog": {"id": f"{COPIES} + g", "at": _AGO, "detail": "'{}'"},
}
"""What a copy has of its own, in SQL of the number `g`, by table."""


def store(product: Any, size: int) -> None:
    """Store so many copies of the newest communication that is done, with what belongs to one."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table, own in _COPIED.items():
            cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
            columns = [row[0] for row in cursor.fetchall()]
            chosen = ", ".join(own.get(name, f't."{name}"') for name in columns)
            which = "WHERE state = 'done'" if "state" in columns else ""
            names = ", ".join(f'"{name}"' for name in columns)
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {chosen} FROM "
                f"(SELECT * FROM {table} {which} ORDER BY id DESC LIMIT 1) t, generate_series(0, {size - 1}) g"
            )
            assert cursor.rowcount == size
            cursor.execute(f"VACUUM ANALYZE {table}")


def _plans(way: str, seen: Seen, size: int) -> Figure:
    """How PostgreSQL finds what each statement asks for: nothing may read more of a table the larger it is."""
    from tests.plans import Plan, is_explained

    plans = {sql: Plan(sql, values) for sql, values in seen.values.items() if is_explained(sql)}
    large = [sql for sql, plan in plans.items() if plan.pages > FEW_PAGES]
    often = sorted(plans, key=lambda sql: (sql not in large, -seen.count[sql]))[: max(SHOWN_PLANS, len(large))]
    shown = often if way == "one by one" else large
    detail = "\n\n".join(f"{_brief(sql)}\n{_without_values(plans[sql].text)}" for sql in shown)
    pages = max(plan.pages for plan in plans.values())
    name = f"pages that a statement reads for a value, at most, {way}, {short(size)} stored"
    return Figure(name, (pages,), f"of {len(plans)} statements", goal=Goal("≤", FEW_PAGES), detail=detail)


def _brief(sql: str) -> str:
    return re.sub(r'"|integration_|crm_bitrix_', "", re.sub(r"SELECT .*? FROM", "SELECT … FROM", sql, count=1))[:400]


def _without_values(plan: str) -> str:
    return re.sub(r"'[^']*'", "'…'", plan)[:1500]


def _journal(product: Any, size: int) -> Iterator[Figure]:
    """The first page, and what is looked for among all, each as the browser asks for it."""
    from tests.frame_posts import open_frame, token_of

    token = token_of(open_frame(product.client, product.sandbox))
    asked = {
        "the first page of the journal": {},
        "the journal by phone": {"number": "+7 950 000-00-05"},
        "the journal by last digits": {"number": "500000"},
        "the journal of failed ones": {"state": "failed"},
    }
    for name, form in asked.items():
        statements, took, length = _page(product, token, form)
        yield Figure(f"{name}, {short(size)} stored: statements", (statements,), "", goal=Goal("≤", 15))
        yield Figure(f"{name}, {short(size)} stored: time", took, "ms")
        yield Figure(f"{name}: size", (length,), "kB gz")


def _page(product: Any, token: str, form: dict[str, str]) -> tuple[float, tuple[float, ...], float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    took = []
    for _ in range(PAGES_ASKED):
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter_ns()
            answer = product.client.post("/bitrix24/app/journal/", form, headers={"x-app-session": token})
            took.append((time.perf_counter_ns() - began) / 1e6)
    assert answer.status_code == 200, answer.status_code
    return float(len(captured)), tuple(took), len(gzip.compress(answer.content)) / 1024
