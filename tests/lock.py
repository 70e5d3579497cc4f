"""Pin every package with its hashes, and list the licences of those that the product brings along.

    python -m tests.lock        # make lock

1. tests/requirements.lock and, within it, requirements.lock are resolved anew for every Python that is supported
2. the packages of the first are installed here, so that what is told of them is true
3. docs/licences.md is written from what the packages of the second say of themselves
The resolver (uv) is fetched for this once and thrown away. No address of a registry is written down.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"
OLDEST_PYTHON = "3.11"
LOCKS: Mapping[str, str] = {
    "tests/requirements.txt": "tests/requirements.lock",
    "requirements.txt": "requirements.lock",
}
"""The product is locked last, within what the tests run with: what is installed must be what was tested."""

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>\S+)(?P<marker> ; .+?)? \\$", re.MULTILINE)
OPTIONS = ["--quiet", "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
PLAIN = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]

HEAD = """\
# Licences of what the product brings along

Written by `make lock` from what the packages say of themselves: the packages of `requirements.lock`, which an installation of the product has. Developers' packages (`tests/requirements.lock`) are not handed on.

| package | version | licence |
|---|---|---|
"""  # noqa: E501 - a paragraph is one line in our documents


def main() -> int:
    """Write the locks and the list; the exit code."""
    with tempfile.TemporaryDirectory() as place:
        run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", place, UV)
        within: list[str] = []
        for wanted, lock in LOCKS.items():
            compile_ = [f"{place}/bin/uv", "pip", "compile", *OPTIONS, *PLAIN, "--upgrade", *within]
            run(*compile_, "--output-file", lock, wanted)
            within += ["--constraint", lock]
            print(f"{lock}: {len(pins(lock))} packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run(*pip, "-r", LOCKS["tests/requirements.txt"])
    (ROOT / "docs/licences.md").write_text(licences())
    print("docs/licences.md: written")
    return 0


def run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": "ignore"})


def pins(lock: str) -> dict[str, str]:
    """Package → version, of a lock."""
    return {match["name"]: match["version"] for match in PINNED.finditer((ROOT / lock).read_text())}


def licences() -> str:
    """The list as a document; a package of another system's only is named with what it says where it is installed."""
    rows = [f"| {name} | {version} | {licence_of(name)} |" for name, version in sorted(installed_pins().items())]
    return HEAD + "\n".join(rows) + "\n"


def installed_pins() -> dict[str, str]:
    """Those packages of the lock that every system needs: without a marker for another one."""
    text = (ROOT / LOCKS["requirements.txt"]).read_text()
    found = PINNED.finditer(text)
    return {match["name"]: match["version"] for match in found if not _is_elsewhere(match["marker"] or "")}


def _is_elsewhere(marker: str) -> bool:
    return "win32" in marker or "== 'Windows'" in marker


def licence_of(name: str) -> str:
    """What a package says of its licence: the expression, else the classifier, else the first line of its text."""
    told = distribution(name).metadata
    classifiers = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier", ()) if one.startswith("License ::")]
    spoken = (told.get("License") or "").strip().partition("\n")[0]
    return told.get("License-Expression") or " and ".join(classifiers) or spoken or "not told"


if __name__ == "__main__":
    sys.exit(main())
