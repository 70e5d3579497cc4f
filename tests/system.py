"""Programs of the system that the tests need: found, installed when we may, else named."""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """Something is missing on this machine; the message says what to do."""


def find_chromium() -> Path:
    """The browser that the tests drive."""
    return _find_chromium() or install_or_explain("Chromium", "chromium", _find_chromium)


def _find_chromium() -> Path | None:
    return next((Path(path) for path in map(shutil.which, CHROMIUM) if path), None)


def install_or_explain(what: str, package: str, find: Callable[[], Path | None]) -> Path:
    """Install a Debian package, as root or with a sudo that asks nothing. Raises SetupError when it cannot."""
    advice = f"{what} is missing: apt install {package}"
    apt = shutil.which("apt-get")
    rights = _rights()
    if apt is None or rights is None:
        raise SetupError(f"{advice} (not done here: {'no apt-get' if apt is None else 'neither root nor sudo'})")
    print(f"{what} is missing, installing it: apt-get install {package} …", flush=True)
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            [*rights, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-q", *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    found = find()
    if found is None:
        last = ([line for line in done.stdout.splitlines() if line.strip()] or ["nothing"])[-1]
        raise SetupError(f"{advice} (apt-get said: {last})")
    return found


def _rights() -> list[str] | None:
    """What to put before a command that needs root; None when there is no way."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None
