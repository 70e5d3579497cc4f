"""A PostgreSQL of our own for as long as it is needed: in a temporary directory, on a free port, gone afterwards.

with running_postgres() as url: …                       # postgres://…
python -m tests.postgres -- pytest -k lane              # runs a command with DATABASE_URL set
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system import SetupError, install_or_explain

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # A crash of the machine may eat a test database.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
TRIES = 5  # another process may take the port we found free


@contextmanager
def running_postgres(**settings: str) -> Iterator[str]:
    """Start PostgreSQL, yield its URL, stop it and remove its data. `settings` join or replace those above.

    Raises SetupError when PostgreSQL is not there and cannot be installed, or does not start.
    """
    with running_server(**settings) as server:
        yield server.url


@contextmanager
def running_server(**settings: str) -> Iterator["Server"]:
    """The same for those who have more to do with it than connect."""
    programs = find_programs()
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))  # short for the socket, open to the server's user
    try:
        server = Server(programs, home)
        server.make()
        try:
            server.start(SETTINGS | settings)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def find_programs() -> Path:
    """The directory of initdb and pg_ctl; installs PostgreSQL when it may."""
    return _find() or install_or_explain("PostgreSQL", "postgresql", _find)


def _find() -> Path | None:
    places = [Path(place).resolve().parent for place in [shutil.which("initdb")] if place]
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda place: [int(part) for part in place.parent.name.split(".") if part.isdigit()],
        reverse=True,
    )
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


class Server:
    """The server's programs run by an ordinary user: PostgreSQL refuses to run as root."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.programs, self.home, self.data = programs, home, home / "data"
        self.password = secrets.token_hex(16)
        self.url = ""
        self.as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged_user()
            os.chown(home, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        password = self.home / "password"
        password.write_text(self.password)
        if self.as_user:
            os.chown(password, self.as_user["user"], self.as_user["group"])
        access = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}"]
        self._run("initdb", "--pgdata", str(self.data), *access, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")

    def start(self, settings: dict[str, str]) -> None:
        """Start it at `url`."""
        for attempt in range(1, TRIES + 1):
            port = free_port()
            chosen = settings | {"port": str(port), "unix_socket_directories": str(self.home)}
            options = " ".join(f"-c {name}={value}" for name, value in chosen.items())
            try:
                self._run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(self.home / "log"), "-o", options)
                self.url = f"postgres://postgres:{self.password}@127.0.0.1:{port}/postgres"
                return
            except SetupError as error:
                if attempt == TRIES:
                    raise SetupError(f"{error}\n{(self.home / 'log').read_text()}") from None
                time.sleep(0.2)

    def crash_and_restart(self) -> None:
        """End every process of it at once, without a word to its clients, and start it again at the same address."""
        self._run("pg_ctl", "restart", "-w", "-D", str(self.data), "-m", "immediate", "-l", str(self.home / "log"))

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-D", str(self.data), "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        # Output goes to a file: the server would keep a pipe open, and we would wait for its end.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.home), "LC_ALL": "C.UTF-8"},
                **self.as_user,
            )
            output.seek(0)
            if done.returncode:
                raise SetupError(f"PostgreSQL: {program} failed: {output.read().decode(errors='replace').strip()}")


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SetupError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody: run this as another user"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> int:
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        print("usage: python -m tests.postgres -- command …")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with running_postgres() as url:
            return subprocess.run(command, check=False, env=os.environ | {"DATABASE_URL": url}).returncode
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
