"""The crash test: hundreds of mixed stories while everything is killed and everything outside goes wrong: `make soak`.

python -m tests.soak [--stories 300] [--seed 1] [--minutes 5] [--kills 24] [--faults 80]

The service runs as in life – gunicorn, worker, tick, PostgreSQL with fsync – against the sandbox. When everything has
been told, the faults end, UIS's reports are read once for what was lost on the way (`manage.py reconcile`), and as soon
as nothing is due any more the portal is compared with what was told. Exit code 1: something was lost, came twice, came
in disorder, or never came to rest. The plan is repeatable by its seed; the log of the processes stays in
var/soak-<seed>.log.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import django
import requests
from django.core.management import CommandError, call_command

from tests.postgres import running_server
from tests.sandbox import Sandbox
from tests.soak_clicks import describe_clicks, watching
from tests.soak_plan import SoakPlan, make_plan
from tests.soak_player import Player
from tests.soak_service import ROOT, Service, running_service
from tests.soak_verdict import Verdict, judge, unfinished

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
REST_SECONDS = 300.0
LOOK_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Run the test, print the report, return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("stories", 300), ("seed", 1), ("kills", 24), ("faults", 80)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--minutes", type=float, default=4, help="over which the stories are spread")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the processes below are ended too
    plan = make_plan(
        given.seed, stories=given.stories, seconds=given.minutes * 60, kills=given.kills, faults=given.faults
    )
    log = ROOT / "var" / f"soak-{plan.seed}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(b"")
    began = time.monotonic()
    verdict, report = run(plan, log=log)
    print("\n".join([*report, f"took {time.monotonic() - began:.0f} s, log in {log}"]))
    return 0 if verdict.is_good else 1


def run(plan: SoakPlan, *, log: Path) -> tuple[Verdict, list[str]]:
    """Play a plan against a service of its own; what was found, and the report to print."""
    dice = random.Random(plan.seed)
    with (
        running_server(**DURABLE) as server,
        Sandbox().serve() as sandbox,
        running_service(sandbox, server, log, dice) as service,
    ):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        switch_callbacks_on()
        sandbox.portal.operating_minutes = 1  # ten are too long to wait for
        player = Player(sandbox, plan, service.kill)
        with administrator(sandbox, player.counts), watching() as watch:
            player.play()
            rest = come_to_rest(player)
        callbacks = player.counts["callback forms taken"]
        verdict = judge(sandbox, player.stories, player.accepted_clicks, callbacks=callbacks)
        clicks = describe_clicks(watch, player.accepted_clicks)
        return verdict, [*describe(plan, player, service, verdict, rest), *clicks]


def switch_callbacks_on() -> None:
    """By default a form of Bitrix24 is not called back."""
    from crm_bitrix.known import load_known
    from integration.models import Credential
    from integration.settings_document import AuthorKind, read_settings, save_settings

    credential = Credential.objects.get()
    known = load_known(credential)
    settings = read_settings(credential)
    callback = replace(settings.telephony.form_callback, is_active=True, number="+74950000010")
    settings = replace(settings, telephony=replace(settings.telephony, form_callback=callback))
    save_settings(credential, settings, known=known, author_kind=AuthorKind.COMMAND, author="tests.soak")


@contextmanager
def administrator(sandbox: Sandbox, counts: Counter[str]) -> Iterator[None]:
    """Somebody who opens the application on the portal whenever it is on hold, which is all that such a hold asks for:
    a worker killed while it renews the tokens loses the pair, for the old one is dead by then."""
    stop = threading.Event()

    def look() -> None:
        from django import db

        from integration.models import Portal

        while not stop.wait(LOOK_SECONDS):
            try:
                if Portal.objects.exclude(hold_reason="").exists():
                    counts["holds ended by the administrator"] += open_application(sandbox)
            except (db.Error, requests.RequestException):
                db.connections.close_all()
        db.connections.close_all()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def open_application(sandbox: Sandbox) -> int:
    from django.conf import settings

    frame = sandbox.frame()
    url = f"{settings.PUBLIC_URL}/bitrix24/app/?{urlencode(frame['query'])}"
    return int(requests.post(url, data=frame["body"], timeout=30).status_code == requests.codes.ok)


def come_to_rest(player: Player) -> float:
    """Wait until nothing is due, read what was lost on the way from UIS's reports, wait again. Seconds it took."""
    from integration.models import Credential

    began = time.monotonic()
    _wait(player)
    uuid = str(Credential.objects.get().uuid)
    with tempfile.TemporaryFile("w") as output:
        for _ in range(5):
            try:
                call_command("reconcile", uuid, **{"from": _hours_ago(2)}, stdout=output)
                break
            except CommandError as error:
                print(f"reconcile: {error}")
                time.sleep(LOOK_SECONDS)
    _wait(player)
    return time.monotonic() - began


def _hours_ago(hours: int) -> str:
    from django.utils import timezone

    return (timezone.localtime() - timedelta(hours=hours)).isoformat()


def _wait(player: Player) -> None:
    from django import db

    until, calm = time.monotonic() + REST_SECONDS, 0
    while time.monotonic() < until and calm < 2:
        player.play_late_dials()
        try:
            calm = 0 if unfinished() else calm + 1
        except db.Error:
            db.connections.close_all()
        time.sleep(LOOK_SECONDS)


def describe(plan: SoakPlan, player: Player, service: Service, verdict: Verdict, rest: float) -> list[str]:
    """The report, line by line."""
    sandbox = player.sandbox
    told = Counter(told.kind for told in plan.told)
    taken = Counter([*sandbox.faults.taken, *(f"uis {kind}" for kind in sandbox.uis.faults.taken)])
    undelivered = Counter(verdict.undelivered)
    lines = [
        f"seed {plan.seed}: {len(plan.told)} stories of {len(plan.phones)} phones in {plan.seconds:.0f} s",
        f"  told          {_counted(told)}",
        f"  killed        {_counted(service.kills)}; started again {service.restarts}",
        f"  went wrong    {_counted(taken)}",
        f"  on the way    {_counted(player.counts)}",
        f"  in the portal {_counted(sandbox.portal.counts())}, requests {len(sandbox.portal.requests)}",
        f"  at rest after {rest:.0f} s",
        f"  not delivered {sum(undelivered.values())}",
        *(f"      {count} × {reason}" for reason, count in undelivered.most_common()),
    ]
    for name in ("lost", "duplicates", "disorder", "unfinished"):
        found = getattr(verdict, name)
        lines += [f"  {name:<13} {len(found)}", *(f"      {line}" for line in found[:20])]
    return lines


def _counted(counts: "Counter[str] | dict[str, int]") -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
