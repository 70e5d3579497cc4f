"""What a story costs in requests to the portal, counted, against one request per command.

One task per event that calls a method at a time needs as many requests as commands. What others need stands in their
documents: Itgrix says 3 + 2 × X per card shown, X being the employees rung.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests import bench_world as world
from tests.bench_figures import Figure, Goal
from tests.sandbox.defaults import KNOWN_NO_DEAL_PHONE

ITGRIX = 3 + 2 * 1
RECORD = 1
RUNS = 5


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Requests per story on a quiet portal, and per communication in a burst."""
    del part
    burst = 60 if quick else 500
    with world.postgres() as database, world.product(database) as product:
        yield from _quiet(product)
        yield from _bursts(product, burst)


def _quiet(product: Any) -> Iterator[Figure]:
    def told(kind: str, **wishes: Any) -> Callable[[str], object]:
        return lambda phone: product.play(kind, **{"client_phone": phone, **wishes})

    new = told("answered_call", employees=[world.PETR])
    known = told("answered_call", employees=[world.PETR], client_phone=KNOWN_NO_DEAL_PHONE.lstrip("+"))
    yield _story(product, "call of a new client", new, Goal("≤", 5), without=RECORD, against="Itgrix", other=ITGRIX)
    yield _story(product, "call of a known client", known, Goal("≤", 3), without=RECORD, against="Itgrix", other=ITGRIX)
    yield _story(product, "missed call of a new client", told("missed_call"))
    yield _story(product, "transferred call", told("transfer"), without=RECORD)
    yield _story(product, "chat", told("chat_finished"), Goal("≤", 4))
    yield _story(product, "request", told("offline_request"))


def _story(
    product: Any,
    name: str,
    play: Callable[[str], object],
    goal: Goal | None = None,
    *,
    without: int = 0,
    against: str = "single calls",
    other: float | None = None,
) -> Figure:
    """Requests of one story, played several times by clients of their own; the upload of the record is not counted."""
    ours, single = [], []
    for number in range(RUNS):
        before = product.sandbox.portal.request_number
        play(f"7910{sum(name.encode()):04d}{number:03d}")
        for _ in range(20):
            product.pass_time(3)
        asked = [one for one in product.sandbox.portal.requests if one.number > before]
        ours.append(float(len(asked) - without))
        single.append(float(sum(one.commands for one in asked) - without))
    note = f"as single calls: {max(single):.0f}" if other else ""
    others = tuple([float(other)] * RUNS) if other else tuple(single)
    return Figure(f"requests: {name}", tuple(ours), "", against, others, goal, note)


def _bursts(product: Any, number: int) -> Iterator[Figure]:
    for kind, first, goal in (("missed_call", "7920", Goal("≤", 0.4)), ("chat_finished", "7930", Goal("≤", 0.3))):
        product.pass_time(60)
        before = product.sandbox.portal.request_number
        phones = [f"{first}{index:07d}" for index in range(number)]
        stories = [product.sandbox.tell(kind, client_phone=phone, employees=[world.PETR]) for phone in phones]
        for story in stories:
            story.post()
        product.work()
        _settle(product)
        asked = [one for one in product.sandbox.portal.requests if one.number > before]
        refused = sum(one.status == 503 for one in asked)
        single = sum(one.commands for one in asked) / number
        name = "call" if kind == "missed_call" else "chat"
        yield Figure(
            f"requests per {name}, burst of {number}", (len(asked) / number,), "", "single calls", (single,), goal
        )
        yield Figure(f"refused by the portal, burst of {number} {name}s", (float(refused),), "", goal=Goal("≤", 0))


def _settle(product: Any) -> None:
    from integration.models import Communication, State

    for _ in range(600):
        if not Communication.objects.exclude(state__in=[State.DONE, State.IGNORED]).exists():
            return
        product.pass_time(1)
    raise TimeoutError("the burst does not come to rest")
