"""Make the virtualenv and install the packages when their list has changed, then run a module in it.

    python3 tests/bootstrap.py tests.suite --fast

Runs before anything is installed, on whatever Python is there: the standard library only, and no newer grammar than
Python 3.6, so that an old one reads far enough to be told so.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "tests" / "requirements.lock"
STAMP = VENV / "installed.sha256"
OLDEST = (3, 11)


def main(arguments: list) -> None:
    lock = os.open(str(ROOT), os.O_RDONLY)  # two makes at once: the second waits for the first
    fcntl.flock(lock, fcntl.LOCK_EX)
    make_venv()
    install()
    os.close(lock)
    os.chdir(str(ROOT))
    os.execv(str(PYTHON), [str(PYTHON), "-m", *arguments])


def check_python() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(str(number) for number in sys.version_info[:3])
        fail(f"Python 3.11 or newer is needed, {sys.executable} is {found}. Another one: make … PYTHON=python3.12")
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        fail(f"Python's venv module is missing: apt install python3-venv (or python{version}-venv)")


def make_venv() -> None:
    """A venv whose Python is too old or no longer runs (moved, half made, of an older system) is made anew."""
    if run(str(PYTHON), "-c", f"import pip, sys; sys.exit(sys.version_info < {OLDEST})")[0] == 0:
        return
    check_python()
    shutil.rmtree(str(VENV), ignore_errors=True)
    say("Making the virtualenv .venv …")
    code, output = run(sys.executable, "-m", "venv", str(VENV))
    if code:
        fail(f"The virtualenv cannot be made: {last_line(output)}")


def install() -> None:
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    say("Installing the packages, the first time this takes a minute …")
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2", "--require-hashes"]
    code, output = run(str(PYTHON), "-m", "pip", "install", *options, "-r", str(LOCK))
    if code:
        fail(f"The packages cannot be installed; is there a network? pip says: {last_line(output)}")
    STAMP.write_text(wanted)


def run(*command: str) -> tuple:
    """Return exit code and output; a program that cannot be started has code 127."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode(errors="replace")


def last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["nothing"])[-1]


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str) -> None:
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
