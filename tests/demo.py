"""The whole service on one machine beside an emulated Bitrix24 and UIS, as `make run` starts it.

python -m tests.demo

1. Both ports are free?                  no: one line that says so
2. Migrate SQLite, make the user admin   running it again keeps what is there
3. Start web, worker, tick and sandbox   tests/Procfile.demo, under one supervisor: when one ends, all end
4. Join the sandbox's portal and account as soon as the sandbox answers, then say where to look
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import honcho.manager
from honcho.environ import parse_procfile

ROOT = Path(__file__).resolve().parent.parent
WEB_PORT = os.environ.get("WEB_PORT") or "8000"
SANDBOX_PORT = os.environ.get("SANDBOX_PORT") or "8090"
WEB, SANDBOX = f"http://127.0.0.1:{WEB_PORT}", f"http://127.0.0.1:{SANDBOX_PORT}"
ANSWER_SECONDS = 60

ENVIRONMENT = {
    "DEBUG": "1",
    "DATABASE_URL": f"sqlite:///{ROOT / 'db.sqlite3'}",
    "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
    "PUBLIC_URL": WEB,
    "BITRIX24_CLIENT_ID": "local.sandbox",
    "BITRIX24_CLIENT_SECRET": "sandbox-secret",
    "BITRIX24_OAUTH_URLS": f"{SANDBOX}/oauth",
    "UIS_DATA_API_URL": f"{SANDBOX}/uis/data/v2.0",
    "UIS_CALL_API_URL": f"{SANDBOX}/uis/call/v4.0",
    "SANDBOX_URL": SANDBOX,
    "LOG_LEVEL": os.environ.get("LOG_LEVEL") or "WARNING",  # every heartbeat would be a line
    "WEB_PORT": WEB_PORT,
    "SANDBOX_PORT": SANDBOX_PORT,
}

MAKE_ADMIN = """
from django.contrib.auth import get_user_model
users = get_user_model().objects
users.filter(username="admin").exists() or users.create_superuser("admin", password="admin")
"""

WHERE_TO_LOOK = f"""
  ┌────────────────────────────────────────────────────────────────
  │ It runs.
  │
  │ The emulated portal and UIS account:  {SANDBOX}/
  │     press a story there and watch it arrive in the CRM
  │ What the service did and why:         {WEB}/admin/
  │     name admin, password admin (only in this demonstration)
  │
  │ Ctrl-C stops all of it; the data stay in db.sqlite3 and var/.
  └────────────────────────────────────────────────────────────────
"""


def main() -> int:
    """Run until Ctrl-C and return the exit code."""
    for name, port in (("WEB_PORT", WEB_PORT), ("SANDBOX_PORT", SANDBOX_PORT)):
        if trouble := find_trouble(name, port):
            print(trouble)
            return 1
    os.environ.update(
        ENVIRONMENT, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    )
    os.chdir(ROOT)
    Path("var").mkdir(exist_ok=True)
    if not prepare_database():
        return 1
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # the terminal was closed
    threading.Thread(target=connect, daemon=True).start()
    return supervise()


def find_trouble(name: str, port: str) -> str | None:
    """Say why this port cannot be used."""
    if not port.isdigit() or not 0 < int(port) < 65536:
        return f"{name}={port} is no port number."
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            return f"Port {port} cannot be used ({error.strerror}). Another one: make run {name}={int(port) + 1}"
    return None


def prepare_database() -> bool:
    print("Preparing the database …", flush=True)
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "--verbosity", "0", "-c", MAKE_ADMIN]):
        if subprocess.run([sys.executable, "manage.py", *arguments], check=False).returncode:
            print("The database cannot be prepared, see above. To begin with an empty one, remove db.sqlite3.")
            return False
    return True


def supervise() -> int:
    """Run the processes until one ends or we are told to stop, then stop them all."""
    honcho.manager.KILL_WAIT = 20  # the worker ends its task first
    manager = honcho.manager.Manager()
    for name, command in parse_procfile((ROOT / "tests" / "Procfile.demo").read_text()).processes.items():
        manager.add_process(name, command)
    manager.loop()
    if manager.returncode in (130, 143):
        print("Stopped. The data are kept: make run goes on with them.")
        return 0
    print("One of the processes ended by itself, see above; the others were stopped.")
    return 1


def connect() -> None:
    """Join the sandbox to the service once both answer, then say where to look."""
    if not (answers(f"{SANDBOX}/control/connection") and answers(f"{WEB}/healthz")):
        print(f"No answer from {SANDBOX} or {WEB} within {ANSWER_SECONDS} s, see above.", flush=True)
        return
    if importlib.util.find_spec("tests.connect_sandbox") is None:
        print("The sandbox is not joined: there is no tests/connect_sandbox.py.", flush=True)
    elif subprocess.run([sys.executable, "-m", "tests.connect_sandbox"], check=False).returncode:
        print("The sandbox could not be joined, see above.", flush=True)
        return
    print(WHERE_TO_LOOK, flush=True)


def answers(url: str) -> bool:
    """Wait for an address to answer."""
    end = time.monotonic() + ANSWER_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < end:
        with suppress(OSError), opener.open(url, timeout=5) as reply:
            return reply.status == 200
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
