"""Programs of the system that the tests need: found, installed when we may, else named."""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOADED = Path(__file__).resolve().parent.parent / ".venv" / "browsers"
DOWNLOAD_SECONDS = 300


class SetupError(Exception):
    """Something is missing on this machine; the message says what to do."""


def find_chromium() -> dict[str, str]:
    """The browser that the tests drive, as the variables that tell them where it is; installs it when it may.

    CHROMIUM names a program of the system, PLAYWRIGHT_BROWSERS_PATH the place of one that playwright downloaded: some
    systems, such as Ubuntu, have no package of it that runs everywhere. Raises SetupError.
    """
    if found := _find_chromium():
        return {"CHROMIUM": str(found)}
    if not any(DOWNLOADED.glob("chromium*/INSTALLATION_COMPLETE")):
        try:
            return {"CHROMIUM": str(install_or_explain("Chromium", "chromium", _find_chromium))}
        except SetupError as error:
            _download_chromium(error)
    return {"PLAYWRIGHT_BROWSERS_PATH": str(DOWNLOADED)}


def _find_chromium() -> Path | None:
    return next((Path(path) for path in map(shutil.which, CHROMIUM) if path), None)


def _download_chromium(why: SetupError) -> None:
    """Let playwright download its own; with the libraries it needs when we have the rights."""
    print("Downloading Chromium instead …", flush=True)
    command = [sys.executable, "-m", "playwright", "install", *(["--with-deps"] if _rights() is not None else [])]
    environment = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(DOWNLOADED)}
    try:
        subprocess.run(
            [*command, "chromium"],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=DOWNLOAD_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{why}; nor could it be downloaded ({type(error).__name__})") from None


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
