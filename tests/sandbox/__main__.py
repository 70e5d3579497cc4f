"""Run the sandbox by itself: `python -m tests.sandbox --port 8090 --state var/sandbox.pickle`."""

import argparse
import os
import signal
import sys
import threading
import time

from .world import CLIENT_ID, CLIENT_SECRET, SAVE_SECONDS, Sandbox


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 when the port is taken or the state file cannot be read."""
    options = _options()
    try:
        sandbox = Sandbox(
            client_id=options.client_id,
            client_secret=options.client_secret,
            leads_on=options.mode == 1,
            state=options.state,
        )
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, one line must say so
        return _fail(f"state file {options.state} cannot be read ({error}); delete it to start afresh")
    sandbox.plays_dials = True
    if not sandbox.uis.counters:
        sandbox.uis.id_offset = int(time.time()) % 100_000_000  # a product that remembers must not meet old ids again
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with sandbox.serve(options.host, options.port):
            sys.stdout.write(f"Sandbox: {sandbox.url}/ (portal {sandbox.portal.client_endpoint})\n")
            sys.stdout.flush()
            while not stop.wait(SAVE_SECONDS):
                sandbox.save()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return _fail(f"cannot listen on {options.host}:{options.port}: {reason}; try another --port")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox", description="An emulated Bitrix24 portal and UIS account."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--state", help="file that keeps the state over a restart")
    parser.add_argument("--mode", type=int, choices=(1, 2), default=1, help="CRM mode: 1 with leads, 2 without")
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--client-secret", default=CLIENT_SECRET)
    return parser.parse_args()


def _fail(text: str) -> int:
    sys.stderr.write(f"sandbox: {text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
