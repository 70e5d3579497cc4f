"""What a communication costs while more and more are stored: time of the processor, statements, bytes; the journal.

For each size there is a service of its own, with a database of its own, in a process of its own
(`tests/bench_grown.py`). They work in turn, so that each run has one of the smallest size right before it: what else
the machine does meanwhile meets both.
"""

import multiprocessing
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tests import bench_grown
from tests.bench_figures import Figure, Goal, short
from tests.bench_grown import WAYS, Costs

SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (100, 10_000)
RUNS, QUICK_RUNS = 9, 3


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Costs at each size, plans and the journal at the largest."""
    del part
    sizes = QUICK_SIZES if quick else SIZES
    with ExitStack() as stack:
        services = {size: stack.enter_context(_service(size)) for size in sizes}
        for service in services.values():
            assert service.recv() == "ready"
        costs: dict[str, dict[int, list[Costs]]] = {way: {size: [] for size in sizes} for way in WAYS}
        for _ in range(QUICK_RUNS if quick else RUNS):
            for way, of_sizes in costs.items():
                for size, service in services.items():
                    of_sizes[size].append(_ask(service, "work", way))
        for way, of_sizes in costs.items():
            yield from _figures(way, of_sizes)
        for way in WAYS:
            yield _ask(services[sizes[-1]], "plans", way)
        yield from _ask(services[sizes[-1]], "journal")


@contextmanager
def _service(size: int) -> Iterator[Any]:
    """A service with so many communications stored, as the end of a pipe to its process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=bench_grown.serve, args=(theirs, size))
    process.start()
    theirs.close()  # what it leaves unanswered when it dies is told then, not waited for
    try:
        yield ours
    finally:
        with suppress(BrokenPipeError):
            ours.send(None)
        process.join()


def _ask(service: Any, *request: str) -> Any:
    service.send(request)
    return service.recv()


def _figures(way: str, costs: dict[int, list[Costs]]) -> Iterator[Figure]:
    """What a communication costs in this way, at each size against the smallest."""
    smallest = min(costs)
    at_most = Goal("≤", 25) if way != "one by one" else None
    for size, runs in costs.items():
        about = f"{way}, {short(size)} stored"
        against = f"{short(smallest)} stored" if size != smallest else ""
        base = costs[smallest] if size != smallest else []
        cpu, least = tuple(one.cpu_ms for one in runs), tuple(one.cpu_ms for one in base)
        note = f"of that PostgreSQL {statistics.median(one.database_ms for one in runs):.1f} ms"
        yield Figure(f"CPU per communication, {about}", cpu, "ms", against, least, _flat(least), note=note)
        statements, least = tuple(one.statements for one in runs), tuple(one.statements for one in base)
        goal = at_most or _flat(least)
        yield Figure(f"SQL statements per communication, {about}", statements, "", against, least, goal)
        if way == "one by one":
            stored, least = tuple(one.kilobytes for one in runs), tuple(one.kilobytes for one in base)
            yield Figure(f"stored per communication, {short(size)} stored", stored, "kB", against, least, _flat(least))


def _flat(base: tuple[float, ...]) -> Goal | None:
    return Goal("≤", 1.1, "ratio") if base else None
