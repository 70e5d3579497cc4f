"""Table of the emulated methods, filled by the `methods_*` modules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Faults
    from .portal import Portal

Params = dict[str, Any]
PAGE = 50


@dataclass(frozen=True)
class Context:
    """Who calls: the portal, the token's user, the faults switched on, and the records fetched beforehand.

    `fetched` maps a RECORD_URL to `(status, bytes)`; it is filled before the world is locked, since the download
    may ask the product itself. `in_batch` is true inside `batch`.
    """

    portal: "Portal"
    faults: "Faults"
    user_id: int
    scopes: frozenset[str]
    in_batch: bool = False
    fetched: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @property
    def search_lag(self) -> float:
        """Seconds for which searches do not see a new object."""
        return self.faults.crm_search_lag_seconds


@dataclass(frozen=True)
class Rows:
    """One page of a list method; `total` and `next` stand beside `result` in the answer."""

    result: Any
    total: int | None = None
    next: int | None = None


Method = Callable[[Context, Params], Any]
METHODS: dict[str, Method] = {}


def method(*names: str) -> Callable[[Method], Method]:
    """Register a function as the implementation of these methods."""

    def register(function: Method) -> Method:
        METHODS.update(dict.fromkeys(names, function))
        return function

    return register


def page(rows: list[Any], params: Params, *, size: int = PAGE, key: str = "start") -> Rows:
    """Cut a page of 50 out of the rows; `start=-1` switches counting off."""
    start = int(params.get(key) or 0)
    if start < 0:
        return Rows(rows[:size])
    cut = rows[start : start + size]
    following = start + size if start + size < len(rows) else None
    return Rows(cut, total=len(rows), next=following)
