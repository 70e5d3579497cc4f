"""What is handed to operators holds together, and works: images, units, static files, backups."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import yaml
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection

from tests.conftest import Product
from tests.postgres import find_programs, free_port

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
PROCESSES = ("web", "worker", "tick")
ENVIRONMENT = {
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-only",
    "FIELD_ENCRYPTION_KEYS": settings.FIELD_ENCRYPTION_KEYS[0],
    "ALLOWED_HOSTS": "uis.example.com",
    "PUBLIC_URL": "https://uis.example.com",
}


def text_of(path: str) -> str:
    return (ROOT / path).read_text()


def bare(command: str) -> str:
    """A command without the place it is started from and the address it listens at: those differ by intention."""
    return re.sub(r"^exec |^/\S*/|--bind \S+ ", "", command)


PROCFILE = {name: bare(command) for name, command in re.findall(r"^(\w+): (.*)$", text_of("Procfile"), re.MULTILINE)}


# --- the files against each other -----------------------------------------------------------------------------------


@pytest.mark.parametrize("process", PROCESSES)
def test_every_way_to_start_a_process_is_the_same_command(process: str):
    unit = re.search(
        r"^ExecStart=(.*)$", text_of(f"docs/deployment/systemd/uis-bitrix24-{process}.service"), re.MULTILINE
    )
    assert unit is not None
    assert bare(COMPOSE["services"][process]["command"]) == bare(unit[1]) == PROCFILE[process]


def test_the_image_starts_the_web_server_as_everybody_does():
    commands = re.findall(r"^CMD (\[.*\])$", text_of("Dockerfile"), re.MULTILINE)
    assert [bare(" ".join(json.loads(command))) for command in commands] == [PROCFILE["web"]]
    assert "USER service" in text_of("Dockerfile")
    assert "HEALTHCHECK CMD" in text_of("Dockerfile")


def test_the_processes_are_those_of_the_procfile_in_every_way_to_start_them():
    units = {path.stem.removeprefix("uis-bitrix24-") for path in ROOT.glob("docs/deployment/systemd/*.service")}
    started = {name for name, service in COMPOSE["services"].items() if service.get("image") == "uis-bitrix24"}
    assert set(PROCFILE) == units == started - {"migrate"} == set(PROCESSES)


def test_no_variable_is_asked_for_that_the_example_does_not_document():
    documented = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text_of(".env.example"), re.MULTILINE))
    asked = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", text_of("compose.yaml") + text_of("docs/deployment/Caddyfile")))
    given = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    own = {"POSTGRES_PASSWORD", "POSTGRES_USER", "UPSTREAM"}
    assert (asked | given) - documented == own
    assert own <= set(re.findall(r"[A-Z]+_?[A-Z]+", text_of("docs/deployment.md") + text_of("compose.yaml")))


def test_worker_and_tick_have_time_to_end():
    for name in PROCESSES:
        unit = text_of(f"docs/deployment/systemd/uis-bitrix24-{name}.service")
        assert "TimeoutStopSec=70" in unit
        assert "KillMode=mixed" in unit
    assert COMPOSE["services"]["worker"]["stop_grace_period"] == "70s"


# --- the image, without its machine ---------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A directory with what goes into the image, and nothing else."""
    for line in text_of(".dockerignore").splitlines():
        if line.startswith("!"):
            source, target = ROOT / line[1:], tmp_path / line[1:]
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path


@contextmanager
def serving(image: Path, environment: dict[str, str]) -> Iterator[str]:
    """The web server as the image starts it, at an address of its own."""
    port = free_port()
    command = [*PROCFILE["web"].split(), "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen([sys.executable, "-m", *command], cwd=image, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def get(address: str, *, patience: float = 20) -> Any:
    """The answer of a server that may still be starting."""
    request = Request(address, headers={"Host": "uis.example.com", "X-Forwarded-Proto": "https"})
    until = time.monotonic() + patience
    while True:
        try:
            return urlopen(request, timeout=10)
        except HTTPError:
            raise
        except URLError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not settings.IS_SQLITE, reason="the database does not matter here, and once is enough")
def test_outside_debug_the_pages_of_the_image_have_their_static_files(image: Path):
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": ENVIRONMENT["SECRET_KEY"]}
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput"]
    subprocess.run(collect, cwd=image, env=environment, check=True, stdout=subprocess.DEVNULL)
    with serving(image, environment | ENVIRONMENT) as address:
        assert json.load(get(f"{address}/healthz"))["status"] == "ok"
        page = get(f"{address}/admin/login/").read().decode()
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
        assert styles
        for style in styles:
            answer = get(address + style)
            assert (answer.status, answer.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
            assert "immutable" in answer.headers["Cache-Control"]


# --- backup and restore ---------------------------------------------------------------------------------------------


def run(program: str, *arguments: str) -> None:
    subprocess.run([find_programs() / program, *arguments], check=True, capture_output=True)


def manage(database: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of the operator's, with a restored database."""
    environment = {"PATH": os.environ["PATH"], **ENVIRONMENT, "DATABASE_URL": database, **variables}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


READ_FROM = re.search(r'shell -c "(\n.*?)"\n', text_of("docs/deployment.md"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(settings.IS_SQLITE, reason="a dump of PostgreSQL")
def test_a_backup_is_restored_with_its_keys_and_tells_nothing_without_them(product: Product, tmp_path: Path):
    product.play("chat_finished", text="my-secret-words", messages_array=True)
    told = connection.settings_dict
    server = f"postgres://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}"
    dump = tmp_path / "backup.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", f"{server}/{told['NAME']}")
    assert b"my-secret-words" not in dump.read_bytes()
    run("createdb", f"--maintenance-db={server}/postgres", "restored")
    try:
        run("pg_restore", "--no-owner", f"--dbname={server}/restored", str(dump))
        plain = tmp_path / "plain.sql"
        run("pg_dump", f"--file={plain}", f"{server}/restored")
        assert "my-secret-words" not in plain.read_text()
        restored = f"{server}/restored"
        opened = manage(restored, "rotate_encryption_keys", "--check")
        assert json.loads(opened.stdout)["integration.Communication"] == 1
        other = Fernet.generate_key().decode()
        assert manage(restored, "rotate_encryption_keys", "--check", FIELD_ENCRYPTION_KEYS=other).returncode == 1
        assert READ_FROM is not None
        told_to = textwrap.dedent(READ_FROM[1]) + "; print(Credential.objects.get().created_at.isoformat())"
        assert manage(restored, "shell", "-v0", "-c", told_to).stdout.strip() == "2026-11-22T14:05:00+00:00"
    finally:
        run("dropdb", f"--maintenance-db={server}/postgres", "restored")
