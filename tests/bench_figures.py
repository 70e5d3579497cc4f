"""A figure of the benchmark: what was measured, against what, and whether the goal holds."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

RUNS = 5


@dataclass(frozen=True)
class Goal:
    """`sign` is "≤" or "≥"; `of` says what is bound: the "value", or its "ratio" to what it is measured against."""

    sign: str
    bound: float
    of: str = "value"

    def __str__(self) -> str:
        return f"{self.sign} {short(self.bound)}" + (" ×" if self.of == "ratio" else "")

    def holds(self, number: float) -> bool:
        return number <= self.bound if self.sign == "≤" else number >= self.bound


@dataclass(frozen=True)
class Figure:
    """One line of the table. `values` are those of all runs, in order; `others` the same of what is compared with.

    `note` says what else belongs to the
    figure in a sentence, `detail` what is printed below the table as it stands.

    The value is the median. The ratio is the median of the ratios of the pairs: the two runs of a pair follow each
    other at once, so what else the machine did meanwhile met both.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    against: str = ""
    others: tuple[float, ...] = ()
    goal: Goal | None = None
    note: str = ""
    detail: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        pairs = [ours / other for ours, other in zip(self.values, self.others, strict=False) if other]
        return statistics.median(pairs) if pairs else None

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        number = self.value if self.goal.of == "value" else self.ratio
        return number is not None and self.goal.holds(number)

    def as_json(self) -> dict[str, Any]:
        told = asdict(self) | {"goal": str(self.goal or ""), "value": self.value, "ratio": self.ratio}
        return told | {"is_met": self.is_met, "other": statistics.median(self.others) if self.others else None}


def alternate(sides: Mapping[str, Callable[[], Any]], *, runs: int = RUNS) -> dict[str, list[Any]]:
    """Run all sides in turn, `runs` times, each time in the other order; what each returned, in the order of runs."""
    got: dict[str, list[Any]] = {name: [] for name in sides}
    for number in range(runs):
        order = list(sides.items())
        for name, run in order if number % 2 == 0 else reversed(order):
            got[name].append(run())
    return got


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def short(number: float | None) -> str:
    """Three digits are enough."""
    if number is None:
        return ""
    if number == 0 or abs(number) >= 1000:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3g}"


def table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Figures as lines of a Markdown table."""
    lines = ["| figure | value | spread | against | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    marks = {None: "", True: "✓", False: "✗"}
    for row in rows:
        values = row["values"]
        spread = f"{short(min(values))} – {short(max(values))}" if len(values) > 1 else ""
        against = f"{row['against']}: {short(row['other'])}" if row["other"] is not None else row["against"]
        value = f"{short(row['value'])} {row['unit']}".strip()
        cells = [row["name"], value, spread, against, short(row["ratio"]), row["goal"], marks[row["is_met"]]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
