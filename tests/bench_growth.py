"""What a communication costs while more and more are stored: time of the processor, statements, bytes; the journal.

A call with its thirteen notifications is worked on as in life, in this process; the portal's part and the waiting for
it are not counted. Once step by step, each notification in a drain of its own and a tick after all: the dearest way;
once twenty calls together, as on a machine that has something to do. Then many copies of them are stored, and calls are
worked on again. Copies have the columns that are searched by, each with a value of its own, one notification and one
action, and short texts.
"""

import gc
import gzip
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from uuid import UUID

from tests import bench_world as world
from tests.bench_figures import Figure, Goal, short

SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (100, 10_000)
CALLS, TOGETHER, RUNS = 4, 20, 15
LARGE = ("integration_communication", "integration_inboxevent", "crm_bitrix_crmaction")
STORED = (*LARGE, "integration_clientlink", "telephony_record", "crm_bitrix_requestlog")
SHOWN_PLANS = 6

Statements = Counter[str]


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Costs at each size, plans and the journal at the largest."""
    del part
    sizes = QUICK_SIZES if quick else SIZES
    with world.postgres() as database, world.product(database) as product:
        ways = {"one by one": _one_by_one, f"{TOGETHER} at once": _together}
        costs: dict[str, dict[int, list[Costs]]] = {way: {} for way in ways}
        for work in ways.values():
            work(product)  # what a process loads once
        for size in sizes:
            _store(product, size)
            for _ in range(RUNS):
                for way, work in ways.items():
                    costs[way].setdefault(size, []).append(work(product))
        for way, measured in costs.items():
            yield from _figures(way, measured)
        yield _plans(costs["one by one"][sizes[-1]][-1], sizes[-1])
        yield from _journal(product, sizes[-1])


class Costs:
    """What a few communications cost, each: `cpu_ms`, `statements`, `bytes`; and which statements they were."""

    def __init__(self) -> None:
        self.cpu_ms = self.statements = self.bytes = 0.0
        self.seen: dict[str, Any] = {}
        self.count: Statements = Counter()

    def note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """An execute wrapper."""
        if not many:
            self.seen[sql] = params
        self.count[sql] += 1
        return execute(sql, params, many, context)


def _one_by_one(product: Any) -> Costs:
    """Calls of new clients, notification by notification, until their reports have come."""

    def work() -> None:
        for _ in range(CALLS):
            product.play("answered_call", **_new_client())
            _let_reports_come(product)

    return _cost(work, CALLS)


def _together(product: Any) -> Costs:
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


def _let_reports_come(product: Any) -> None:
    product.pass_time(10)
    product.pass_time(10)


def _new_client() -> dict[str, Any]:
    _serial.append(len(_serial))
    return {"client_phone": f"7940{len(_serial):07d}", "employees": [world.PETR]}


def _cost(work: Callable[[], None], calls: int) -> Costs:
    from django.db import connection

    costs, began = Costs(), _bytes()
    gc.collect()
    gc.freeze()  # what the sandbox, in the same process, holds of earlier runs is not looked through in this one
    with _main_thread_time() as spent, connection.execute_wrapper(costs.note):
        work()
    costs.cpu_ms = spent[0] * 1000 / calls
    costs.statements = costs.count.total() / calls
    costs.bytes = (_bytes() - began) / calls
    _assert_finished()
    return costs


def _assert_finished() -> None:
    """Each run has carried over everything of its calls, reports and recordings too: else the next one would."""
    from integration.models import Communication
    from telephony.models import Record

    assert not Communication.objects.filter(pk__lt=COPIES, report_at__isnull=False).exists()
    assert not Record.objects.exclude(state=Record.State.DONE).exists()


_serial: list[int] = []


@contextmanager
def _main_thread_time() -> Iterator[list[float]]:
    spent: list[float] = []
    began = time.thread_time()
    yield spent
    spent.append(time.thread_time() - began)


def _bytes() -> int:
    """What the rows of all communications that were not copied take."""
    from django.db import connection

    with connection.cursor() as cursor:
        total = 0
        for table in STORED:
            cursor.execute(f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {table} t WHERE id < %s", [COPIES])
            total += cursor.fetchone()[0]
        return int(total)


COPIES = 1_000_000_000
"""Ids from here on are those of copies."""


def _store(product: Any, size: int) -> None:
    """Bring the copies of the newest communication up to `size`."""
    from django.db import connection

    from integration.models import Communication

    first = Communication.objects.filter(pk__gte=COPIES).count()
    model = Communication.objects.filter(pk__lt=COPIES, state="done").latest("pk")
    begin = "now() - make_interval(secs => g)"
    own = {
        LARGE[0]: (
            {"id": f"{COPIES} + g", "uis_id": f"({COPIES} + g)::text", "client_phone": "'+79' || (500000000 + g)"}
            | {"client_keys": "jsonb_build_array('phone:+79' || (500000000 + g))", "trace": "'[]'", "due_at": "NULL"}
            | {"report_at": "NULL", "started_at": begin, "rank_at": begin},
            f"t.id = {model.pk}",
        ),
        LARGE[1]: (
            {"id": f"{COPIES} + g", "communication_id": f"{COPIES} + g", "dedupe_key": "md5(g::text)"}
            | {"body": "decode(repeat('00', 100), 'hex')", "received_at": begin},
            f"t.id = {model.events.latest('pk').pk}",
        ),
        LARGE[2]: (
            {"id": f"{COPIES} + g", "communication_id": f"{COPIES} + g", "params": "'{}'"},
            f"t.id = {model.actions.latest('pk').pk}",
        ),
    }
    with connection.cursor() as cursor:
        for table, (values, which) in own.items():
            cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
            columns = [row[0] for row in cursor.fetchall()]
            chosen = ", ".join(values.get(name, f"t.{name}") for name in columns)
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} t, "
                f"generate_series({first}, {size - 1}) g WHERE {which}"
            )
            cursor.execute(f"VACUUM ANALYZE {table}")


def _figures(way: str, costs: dict[int, list[Costs]]) -> Iterator[Figure]:
    """What a communication costs in this way, at each size against the smallest."""
    smallest = min(costs)
    at_most = Goal("≤", 25) if way != "one by one" else None
    for size, runs in costs.items():
        about = f"{way}, {short(size)} stored"
        against = f"{short(smallest)} stored" if size != smallest else ""
        base = costs[smallest] if size != smallest else []
        cpu, least = tuple(one.cpu_ms for one in runs), tuple(one.cpu_ms for one in base)
        yield Figure(f"CPU per communication, {about}", cpu, "ms", against, least, _flat(least))
        statements, least = tuple(one.statements for one in runs), tuple(one.statements for one in base)
        goal = at_most or _flat(least)
        yield Figure(f"SQL statements per communication, {about}", statements, "", against, least, goal)
        if way == "one by one":
            stored, least = tuple(one.bytes / 1024 for one in runs), tuple(one.bytes / 1024 for one in base)
            yield Figure(f"stored per communication, {short(size)} stored", stored, "kB", against, least, _flat(least))


def _flat(base: tuple[float, ...]) -> Goal | None:
    return Goal("≤", 1.1, "ratio") if base else None


def _plans(costs: Costs, size: int) -> Figure:
    """How PostgreSQL finds what each statement asks for: nothing may read a large table from end to end."""
    from django.db import connection

    plans: dict[str, str] = {}
    for sql, params in costs.seen.items():
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and any(table in sql for table in LARGE):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                plans[sql] = "\n".join(row[0] for row in cursor.fetchall())
    scans = [sql for sql, plan in plans.items() if any(f"Seq Scan on {table}" in plan for table in LARGE)]
    often = sorted(plans, key=lambda sql: (sql not in scans, -costs.count[sql]))[: max(SHOWN_PLANS, len(scans))]
    detail = "\n\n".join(f"{_brief(sql)}\n{_without_values(plans[sql])}" for sql in often)
    name = f"statements that read a large table from end to end, {short(size)} stored"
    return Figure(name, (float(len(scans)),), f"of {len(plans)}", goal=Goal("≤", 0), detail=detail)


def _brief(sql: str) -> str:
    return re.sub(r'"|integration_|crm_bitrix_', "", re.sub(r"SELECT .*? FROM", "SELECT … FROM", sql, count=1))[:400]


def _without_values(plan: str) -> str:
    return re.sub(r"'[^']*'", "'…'", plan)[:1500]


def _journal(product: Any, size: int) -> Iterator[Figure]:
    """The first page, and one far down, each as the browser asks for it."""
    from tests.frame_posts import open_frame, token_of

    token = token_of(open_frame(product.client, product.sandbox))
    asked = {"the first page of the journal": {}, "the journal by number": {"number": "500000"}}
    for name, form in asked.items():
        costs, took, length = _page(product, token, form)
        yield Figure(f"{name}, {short(size)} stored: statements", (costs,), "", goal=Goal("≤", 15))
        yield Figure(f"{name}, {short(size)} stored: time", took, "ms")
        yield Figure(f"{name}: size", (length,), "kB gz")


def _page(product: Any, token: str, form: dict[str, str]) -> tuple[float, tuple[float, ...], float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    took = []
    for _ in range(RUNS):
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter_ns()
            answer = product.client.post("/bitrix24/app/journal/", form, headers={"x-app-session": token})
            took.append((time.perf_counter_ns() - began) / 1e6)
    assert answer.status_code == 200, answer.status_code
    return float(len(captured)), tuple(took), len(gzip.compress(answer.content)) / 1024
