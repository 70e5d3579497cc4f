"""Every check and every test, as `make test` runs them.

    python -m tests.suite [--fast | --lint | --check | --format | --screenshots] [arguments of pytest …]

Each step prints its time; the last line is the sum, `N passed, N failed`: a check counts as one. All steps are run,
whatever the earlier ones said; the exit code is 0 when nothing failed.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import running_postgres
from tests.system import SetupError, find_chromium

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code when nothing was chosen
LEFT_OUT_OF_FAST = ["-m", "not browser and not slow and not hypothesis and (not journey or smoke)"]

# Settings of a developer's .env must not change what is tested.
ENVIRONMENT = {
    # Where it is set, as images of build machines do, each of a dozen processes compiles all tests anew: 4 s of work.
    "PYTHONDONTWRITEBYTECODE": "",
    "DEBUG": "1",
    "SECRET_KEY": "only-for-tests",
    "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItZGVidWctMzItYnl0ZXMtbG9uZyEhISE=",
    "ALLOWED_HOSTS": "*",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "BITRIX24_CLIENT_ID": "",
    "BITRIX24_CLIENT_SECRET": "",
    "UIS_DATA_API_URL": "",
    "UIS_CALL_API_URL": "",
    "OUTBOUND_ALLOWED_NETWORKS": "",
    "METRICS_TOKEN": "",
    "EMAIL_URL": "consolemail://",
    "LOG_LEVEL": "INFO",
}


@dataclass(frozen=True)
class Count:
    """How many tests and checks ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def main(arguments: list[str]) -> int:
    """Run what was asked for and return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    mode, chosen = (arguments[0], arguments[1:]) if arguments[:1] in MODES else ("", arguments)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suite-") as place:
        os.environ.update(ENVIRONMENT, DATABASE_URL=f"sqlite:///{place}/db.sqlite3")
        try:
            count = MODES_TO_STEPS[mode](Path(place), chosen)
        except KeyboardInterrupt:
            say("stopped")
            return 130
    print(f"\ntook {time.monotonic() - started:.0f} s\n{count}", flush=True)
    return 1 if count.failed else 0


def everything(place: Path, chosen: list[str]) -> Count:
    count = lint(place, []) + checks(place, [])
    count += pytest("pytest on SQLite", place, ["-m", "not browser", *spread(), *chosen])
    count += pytest_on_postgres(place, chosen)
    return count + pytest_in_browser(place, chosen)


def fast(place: Path, chosen: list[str]) -> Count:
    return style() + pytest("pytest on SQLite", place, [*LEFT_OUT_OF_FAST, *spread(), *chosen])


def style() -> Count:
    return step("ruff check", "ruff", "check", ".") + step("ruff format", "ruff", "format", "--check", ".")


def lint(_place: Path, _chosen: list[str]) -> Count:
    return style() + step("mypy", "mypy", *pure_modules())


def reformat(_place: Path, _chosen: list[str]) -> Count:
    return step("ruff check --fix", "ruff", "check", "--fix", ".") + step("ruff format", "ruff", "format", ".")


def checks(_place: Path, _chosen: list[str]) -> Count:
    missing = ["manage.py", "makemigrations", "--check", "--dry-run"]
    return step("manage.py check", sys.executable, "manage.py", "check") + step(
        "missing migrations", sys.executable, *missing
    )


def pure_modules() -> list[str]:
    """What mypy is to read by pyproject.toml, as far as it has been written yet."""
    files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    return [name for name in files if (ROOT / name).exists()]


def pytest_on_postgres(place: Path, chosen: list[str]) -> Count:
    try:
        with running_postgres() as url:
            arguments = ["-m", "not browser", *spread(), *chosen]
            return pytest("pytest on PostgreSQL", place, arguments, {"DATABASE_URL": url})
    except SetupError as error:
        return failed("pytest on PostgreSQL", str(error))


def pytest_in_browser(place: Path, chosen: list[str]) -> Count:
    """On PostgreSQL: the page asks from several threads at once, which a test's SQLite in memory refuses."""
    if not any("mark.browser" in path.read_text() for path in ROOT.glob("tests/test_*.py")):
        return Count()
    try:
        environment = find_chromium() | {
            "HOME": str(place),  # Chromium writes to it; a user of a build machine may have none
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # playwright keeps an event loop in the thread of the test
        }
        with running_postgres() as url:
            # A browser has processes of its own, and where they wait for each other a drag is let go too early.
            arguments = ["-m", "browser", *spread(more=0), *chosen]
            return pytest("pytest in the browser", place, arguments, environment | {"DATABASE_URL": url})
    except SetupError as error:
        return failed("pytest in the browser", str(error))


def screenshots(place: Path, chosen: list[str]) -> Count:
    """Draw the pictures of the documents anew, with the tests that look at every screen."""
    os.environ["SCREENSHOTS"] = str(ROOT / "docs" / "screenshots")
    return pytest_in_browser(place, ["tests/test_every_screen_browser.py", *chosen])


def spread(*, more: int = 1) -> list[str]:
    """Share the tests out among so many processes more than there are processors, up to four: half of the time a
    journey waits for its database."""
    return ["-n", str(min(4, len(os.sched_getaffinity(0)) + more)), "--dist", "worksteal"]


def pytest(name: str, place: Path, arguments: list[str], environment: dict[str, str] | None = None) -> Count:
    """Run pytest once and count what it reports."""
    report = place / "report.xml"
    report.unlink(missing_ok=True)
    code = run(name, [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments], environment)
    if code == NO_TESTS:
        return Count()
    if not report.exists():
        return Count(failed=1)
    suites = [suite.attrib for suite in ET.parse(report).getroot().iter("testsuite")]
    total, bad, skipped = (
        sum(int(suite[key]) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    bad = bad or int(code != 0)  # a run that broke off
    return Count(max(0, total - bad - skipped), bad, skipped)


def step(name: str, program: str, *arguments: str) -> Count:
    """Run one check."""
    path = Path(sys.executable).parent / program
    return Count(failed=1) if run(name, [str(path), *arguments]) else Count(passed=1)


def run(name: str, command: list[str], environment: dict[str, str] | None = None) -> int:
    say(name)
    started = time.monotonic()
    code = subprocess.run(
        command, check=False, cwd=ROOT, stdin=subprocess.DEVNULL, env=os.environ | (environment or {})
    ).returncode
    print(f"    {name}: {time.monotonic() - started:.1f} s, {'ok' if code in (0, NO_TESTS) else f'exit code {code}'}")
    return code


def failed(name: str, why: str) -> Count:
    say(name)
    print(f"    {name}: {why}")
    return Count(failed=1)


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


MODES_TO_STEPS = {
    "": everything,
    "--fast": fast,
    "--lint": lint,
    "--check": checks,
    "--format": reformat,
    "--screenshots": screenshots,
}
MODES = [[mode] for mode in MODES_TO_STEPS]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
