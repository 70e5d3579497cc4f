"""Web, worker, tick and PostgreSQL as real processes that may be killed at any moment; whoever dies is started again.

In life the supervisor is systemd, a container runtime or the like; here it is a thread that looks ten times a second.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres import Server, free_port
from tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
LOOK_SECONDS = 0.1


class Service:
    """The processes of the product. `kills` counts who was killed, `restarts` who had to be started again."""

    def __init__(self, server: Server, log: Path, *, web_port: int, dice: random.Random) -> None:
        manage = [sys.executable, "manage.py"]
        web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{web_port}"]
        web += ["--worker-class", "gthread", "--threads", "8", "--log-level", "error", "--no-control-socket"]
        self.commands: Mapping[str, list[str]] = {
            "web": web,
            "worker": [*manage, "worker"],
            "tick": [*manage, "tick"],
        }
        self.server, self.dice = server, dice
        self.kills: dict[str, int] = {}
        self.restarts = 0
        self._output = log.open("ab")
        self._stop = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def start(self) -> None:
        for name in self.commands:
            self._start(name)
        self._supervisor.start()

    def stop(self) -> None:
        """End everything in good order."""
        self._stop.set()
        self._supervisor.join()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            _kill_group(process.pid)
        self._output.close()

    def kill(self, what: str) -> None:
        """Kill without a warning: see `KILL_WEIGHTS` for the names."""
        if what == "database":
            self.server.crash_and_restart()
        elif what in self._processes:
            self._kill_named(what)
        elif not self._kill_below_worker(whole=what == "queue"):
            return
        self.kills[what] = self.kills.get(what, 0) + 1

    def _kill_named(self, name: str) -> None:
        """The worker alone, so that its queue is left behind as in life; the others with all that they started."""
        pid = self._processes[name].pid
        if name == "worker":
            os.kill(pid, signal.SIGKILL)
        else:
            _kill_group(pid)

    def _kill_below_worker(self, *, whole: bool) -> bool:
        """Kill the queue below the watchdog, or one process of it; no when there is none just now."""
        clusters = _children(self._processes["worker"].pid)
        if whole:
            for cluster in clusters:
                _kill_group(cluster)
            return bool(clusters)
        members = [pid for cluster in clusters for pid in _descendants(cluster)]
        if members:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(members), signal.SIGKILL)
        return bool(members)

    def _start(self, name: str) -> None:
        self._processes[name] = subprocess.Popen(
            self.commands[name], cwd=ROOT, stdout=self._output, stderr=self._output, start_new_session=True
        )

    def _supervise(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for name, process in list(self._processes.items()):
                if process.poll() is not None:
                    self.restarts += 1
                    self._start(name)


@contextmanager
def running_service(sandbox: Sandbox, server: Server, log: Path, dice: random.Random) -> Iterator[Service]:
    """The product, migrated, started and joined to the sandbox."""
    port = free_port()
    os.environ.update(_environment(sandbox, server.url, port))
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, cwd=ROOT)
    service = Service(server, log, web_port=port, dice=dice)
    service.start()
    try:
        joined = [sys.executable, "-m", "tests.connect_sandbox"]
        subprocess.run(joined, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        yield service
    finally:
        service.stop()


def _environment(sandbox: Sandbox, database: str, port: int) -> dict[str, str]:
    return {
        "DEBUG": "1",
        "LOG_LEVEL": "WARNING",
        "DATABASE_URL": database,
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BITRIX24_CLIENT_ID": "local.sandbox",
        "BITRIX24_CLIENT_SECRET": "sandbox-secret",
        "BITRIX24_OAUTH_URLS": f"{sandbox.url}/oauth",
        "UIS_DATA_API_URL": f"{sandbox.url}/uis/data/v2.0",
        "UIS_CALL_API_URL": f"{sandbox.url}/uis/call/v4.0",
        "SANDBOX_URL": sandbox.url,
    }


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def _descendants(pid: int) -> list[int]:
    return [pid, *(one for child in _children(pid) for one in _descendants(child))]


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
