"""What is installed is what was looked at: every requirement is pinned with its hashes, and its licence is listed."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from integration import __version__, remote
from tests import lock

ROOT = Path(__file__).resolve().parent.parent
AGAIN = "run `make lock` and commit what it writes"


def requirements(path: str) -> Iterator[Requirement]:
    """The requirements of a file and of those it refers to."""
    for line in (ROOT / path).read_text().splitlines():
        if line.startswith("-r "):
            yield from requirements(str((ROOT / path).parent.joinpath(line[3:]).resolve().relative_to(ROOT)))
        elif line and not line.startswith("#"):
            yield Requirement(line)


@pytest.mark.parametrize(("wanted", "locked"), lock.LOCKS.items())
def test_every_requirement_is_pinned_within_its_limits(wanted, locked):
    pins = lock.pins(locked)
    for one in requirements(wanted):
        pinned = pins.get(canonicalize_name(one.name))
        assert pinned, f"{one.name} is not pinned: {AGAIN}"
        assert one.specifier.contains(pinned), f"{one.name} is pinned to {pinned}: {AGAIN}"


@pytest.mark.parametrize("locked", lock.LOCKS.values())
def test_every_pin_has_its_hashes_and_no_address(locked):
    text = (ROOT / locked).read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(lock.pins(locked)) > 20
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_both_locks_pin_the_same_versions():
    all_of_them, runtime = (lock.pins(locked) for locked in lock.LOCKS.values())
    assert runtime.items() <= all_of_them.items()


def test_the_licence_of_every_package_is_listed():
    text = (ROOT / "docs/licences.md").read_text()
    listed = dict(re.findall(r"^\| ([\w.-]+) \| (\d[\w.]*) \| (?!not told)\S", text, re.MULTILINE))
    assert listed == lock.installed_pins(), AGAIN


def test_the_list_of_licences_is_what_the_packages_say():
    text = (ROOT / "docs/licences.md").read_text()
    listed = dict(re.findall(r"^\| ([\w.-]+) \| [\w.]+ \| (.+) \|$", text, re.MULTILINE))
    here = [name for name, pinned in lock.installed_pins().items() if _installed(name) == pinned]
    assert here
    assert {name: lock.licence_of(name) for name in here} == {name: listed[name] for name in here}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def test_the_version_stands_in_one_place_and_is_told(client):
    assert 'version = { attr = "integration.__version__" }' in (ROOT / "pyproject.toml").read_text()
    assert f": {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert client.get("/healthz").json() == {"status": "ok", "version": __version__}
    assert remote.HEADERS["User-Agent"] == f"uis-bitrix24/{__version__}"
