"""What the service costs and how fast it is, on this machine, side by side with the alternatives: `make bench`.

    python -m tests.bench [--quick] [section …]      # all sections, or those named; prints one table
    python -m tests.bench --write-docs               # puts what was last measured into docs/performance.md

Every section runs in a process of its own, on a database of its own. What is compared is run in turn, in one run, on
this machine; the value is the median, beside it the spread. The figures go to docs/performance.json; those of a section
alone replace its own. --quick is for development: less of everything, and its figures are kept only with --keep.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench_figures import table

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "performance.json"
PAPER = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
SECONDS = 1200

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "intake": ("tests.bench_intake", ("PostgreSQL", "SQLite")),
    "requests": ("tests.bench_requests", ("",)),
    "burst": ("tests.bench_burst", ("",)),
    "card": ("tests.bench_card", ("",)),
    "clients": ("tests.bench_clients", ("",)),
    "rules": ("tests.bench_rules", ("",)),
    "worker": ("tests.bench_worker", ("",)),
    "growth": ("tests.bench_growth", ("",)),
    "screens": ("tests.bench_screens", ("",)),
    "memory": ("tests.bench_memory", ("",)),
    "capacity": ("tests.bench_capacity", ("",)),
}
"""Section → its module, whose `measure(quick=, part=)` yields figures, and its parts, each run in its own process."""


def main(arguments: list[str]) -> int:
    """Measure, print, keep; return the exit code."""
    options = _options(arguments)
    if options.write_docs:
        write_docs()
        return 0
    if options.part is not None:
        return _measure_part(options)
    failed, rows = [], []
    for section in options.sections or SECTIONS:
        began = time.monotonic()
        for part in SECTIONS[section][1]:
            measured = _run(section, part, is_quick=options.quick)
            if measured is None:
                failed.append(f"{section} {part}".strip())
            rows += measured or []
        print(f"    {section}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print("\n".join(table(rows)))
    if options.keep or not options.quick:
        keep(rows, is_quick=options.quick)
    if failed:
        print(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the service on this machine.")
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="less of everything; the figures are not kept")
    parser.add_argument("--keep", action="store_true", help="keep the figures of a quick run too")
    parser.add_argument("--write-docs", action="store_true", help="put docs/performance.json into docs/performance.md")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return options


def _run(section: str, part: str, *, is_quick: bool) -> list[dict[str, Any]] | None:
    """Measure one part in a process of its own; None when it failed, and why stands above."""
    (ROOT / "var").mkdir(exist_ok=True)
    into = ROOT / "var" / f"bench-{section}.json"
    into.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench", section, "--part", part, "--into", str(into)]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    try:
        subprocess.run(
            [*command, *(["--quick"] if is_quick else [])], check=True, cwd=ROOT, env=environment, timeout=SECONDS
        )
        return json.loads(into.read_text())
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{section} {part}: {error}", file=sys.stderr)
        return None
    finally:
        into.unlink(missing_ok=True)


def _measure_part(options: argparse.Namespace) -> int:
    [section] = options.sections
    measure = import_module(SECTIONS[section][0]).measure
    figures = [{"section": section, **figure.as_json()} for figure in measure(quick=options.quick, part=options.part)]
    options.into.write_text(json.dumps(figures))
    return 0


def keep(rows: Iterable[dict[str, Any]], *, is_quick: bool) -> None:
    """Write the figures down; those of sections that were not measured now stay."""
    rows = [row | {"is_quick": is_quick} for row in rows]
    kept = json.loads(KEPT.read_text())["figures"] if KEPT.exists() else []
    measured = {row["section"] for row in rows}
    figures = [row for row in kept if row["section"] not in measured] + rows
    figures.sort(key=lambda row: list(SECTIONS).index(row["section"]))
    told = {"at": datetime.now(UTC).isoformat(timespec="minutes"), "machine": _machine(), "figures": figures}
    KEPT.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{len(os.sched_getaffinity(0))} × {model}, {platform.system()}, Python {platform.python_version()}"


def write_docs() -> None:
    """Put the table that was measured last between the marks of the paper, and the details below it."""
    told = json.loads(KEPT.read_text())
    figures = told["figures"]
    lines = [f"Measured {told['at'][:10]} on {told['machine']}."]
    if quick := sorted({row["section"] for row in figures if row["is_quick"]}):
        lines += ["", f"In short runs on a busy machine, where counts say all and times little: {', '.join(quick)}."]
    lines += ["", *table(figures), ""]
    lines += [f"- {row['name']}: {row['note']}" for row in figures if row["note"]]
    for row in figures:
        if row["detail"]:
            lines += ["", f"{row['name'].capitalize()}, those asked most often:", "", "```", row["detail"], "```"]
    before, rest = PAPER.read_text().split(BEGIN)
    PAPER.write_text(before + "\n".join([BEGIN, "", *lines, "", END]) + rest.split(END)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
