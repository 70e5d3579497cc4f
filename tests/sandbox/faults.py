"""What may go wrong outside the product, switched on and off while the sandbox runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "503",
    "429",
    "html",
    "truncated",
    "cut",
    "wrong_type",
    "timeout",
    "timeout_after",
    "drop_before",
    "drop_after",
    "expired_token",
    "payment_required",
    "portal_deleted",
    "redirect_302",
    "500",
    "ip_not_whitelisted",
    "limit_exceeded",
    "internal_error",
    "access_token_expired",
)
AFTER = frozenset({"truncated", "cut", "wrong_type", "timeout_after", "drop_after"})
"""Kinds that let the request be carried out first: the outcome is unknown to the caller only."""

Predicate = Callable[[str, dict[str, Any]], bool]
SETTINGS = ("latency_seconds", "seconds_per_command", "real_latency", "crm_search_lag_seconds", "media")


@dataclass
class Rule:
    """One fault: its kind, how many requests it still hits (None = all), and which ones."""

    kind: str
    left: int | None = None
    match: str | None = None
    portal: str | None = None

    def fits(self, methods: Iterable[str], portal: str | None) -> bool:
        """True if a request with these methods is meant; without `match` the authorisation server is spared."""
        if self.portal is not None and self.portal != portal:
            return False
        names = [name.lower() for name in methods]
        if self.match is None:
            return not any(name.startswith("oauth.") for name in names)
        if self.match.lower() == "oauth.token.answer":
            return names == ["oauth.token.answer"]
        return any(self.match.lower() in name for name in names)


@dataclass
class Faults:
    """Switches of one remote side (the portal, or UIS).

    `latency_seconds` sleeps really before each request is looked at. `seconds_per_command` is what a command
    costs of the portal's work time (`seconds_by_method` overrides it per method name, lower case); it is slept
    only with `real_latency`. `crm_search_lag_seconds` is how long searches do not see a new object.
    `media` spoils records: "", "html", "huge", "404", "500".
    """

    latency_seconds: float = 0.0
    seconds_per_command: float = 0.0
    seconds_by_method: dict[str, float] = field(default_factory=dict)
    real_latency: bool = False
    crm_search_lag_seconds: float = 0.0
    media: str = ""
    rules: list[Rule] = field(default_factory=list)
    poisons: list[Predicate] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def fail_next(self, n: int, kind: str, *, match: str | None = None, portal: str | None = None) -> None:
        """Spoil the next `n` requests (with `match` in the name of a method inside; to the portal with this slug)."""
        self.rules.append(Rule(_known(kind), n, match, portal))

    def fail_always(self, kind: str, *, match: str | None = None, portal: str | None = None) -> None:
        """Spoil every such request until `clear()`: a portal that is down for a week."""
        self.rules.append(Rule(_known(kind), None, match, portal))

    def poison(self, predicate: Predicate | str) -> None:
        """Make a command that kills every request it is in; a text means "its method or parameters contain it"."""
        if isinstance(predicate, str):
            text = predicate
            self.poisons.append(lambda method, params: text in f"{method} {params}")
        else:
            self.poisons.append(predicate)

    def clear(self) -> None:
        """Take back every fault and every switch."""
        self.__init__()  # type: ignore[misc]

    def take(self, methods: Iterable[str], *, portal: str | None = None) -> str | None:
        """Kind of the fault that hits a request with these methods, and count it."""
        names = list(methods)
        for rule in self.rules:
            if rule.left != 0 and rule.fits(names, portal):
                if rule.left is not None:
                    rule.left -= 1
                self.rules = [one for one in self.rules if one.left != 0]
                self.taken.append(rule.kind)
                return rule.kind
        return None

    def is_poison(self, method: str, params: dict[str, Any]) -> bool:
        """True if this command closes the connection."""
        return any(predicate(method, params) for predicate in self.poisons)

    def cost(self, method: str) -> float:
        """Seconds of work time one command takes."""
        return self.seconds_by_method.get(method.lower(), self.seconds_per_command)

    def state(self) -> dict[str, Any]:
        """Switches and rules for the page."""
        switches = {name: getattr(self, name) for name in SETTINGS}
        rules = [{"kind": rule.kind, "left": rule.left, "match": rule.match} for rule in self.rules]
        return {**switches, "rules": rules, "poisons": len(self.poisons)}


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; one of {', '.join(KINDS)}")
    return kind
