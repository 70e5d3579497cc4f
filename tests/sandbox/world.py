"""The whole outside world: portals, UIS accounts, stories, and the server that speaks for them."""

import os
import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from . import defaults, outbox, stories
from .app import make_app
from .edge import Edge, QuietHandler
from .faults import Faults
from .portal import Portal, Token
from .stories import Story
from .uis_account import UisAccount

CLIENT_ID = "local.sandbox"
CLIENT_SECRET = "sandbox-secret"
SAVE_SECONDS = 2.0
KEPT_IN_FILE = 500
STATE_FORMAT = 1


class Sandbox:
    """One outside world. `portal` is the default portal, `uis` the default UIS account, `accounts` further ones by
    their keys, `faults` the portal's faults.

    All state is changed under `lock`; `version` grows with every change; `slips` holds tracebacks of the sandbox's own
    mistakes (a test may assert that it is empty).
    """

    def __init__(
        self,
        *,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        leads_on: bool = True,
        state: str | Path | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.faults = Faults()
        self.live: dict[str, dict[int, Any]] = {}
        self.slips: list[str] = []
        self.version = 0
        self.saved_version = 0
        self.url = "http://127.0.0.1"
        self.product_url = ""
        self.state = Path(state) if state else None
        self.portals: dict[str, Portal] = {}
        self.oauth_log: list[dict[str, Any]] = []
        self.stories: list[Story] = []
        self.plays_dials = False
        self.story_ids: dict[str, str] = {}
        self.uis = UisAccount()
        self.accounts: dict[str, UisAccount] = {}
        self.first: dict[str, Any] = {"client_id": client_id, "client_secret": client_secret, "leads_on": leads_on}
        if not self._load():
            self.add_portal("acme", **self.first)

    # --- portals and accounts

    @property
    def portal(self) -> Portal:
        """The first portal."""
        return next(iter(self.portals.values()))

    def add_portal(
        self, slug: str, *, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET, leads_on: bool = True
    ) -> Portal:
        """Open another portal with the default contents."""
        portal = Portal(slug, client_id, client_secret, leads_on=leads_on, url=self.url)
        self.portals[slug] = defaults.fill(portal)
        return portal

    def add_account(self, key: str) -> UisAccount:
        """Open another UIS account with the default contents; like the vendor's, no two have a number in common."""
        app_id = self.uis.app_id + len(self.accounts) + 1
        first = self.uis
        made = UisAccount(app_id, key=key, url=first.url, counters=first.counters, id_offset=first.id_offset)
        self.accounts[key] = made
        return made

    def account(self, key: str | None = None) -> UisAccount:
        """The account that a key opens, the default one without a key. Raises KeyError."""
        return self.uis if key in (None, self.uis.key) else self.accounts[key]

    def reset(self) -> None:
        """Bring the world back to its beginning; the product's addresses stay, ids of stories are not used again."""
        old = self.uis
        self.uis = UisAccount(url=old.url, events_url=old.events_url, route_url=old.route_url, counters=old.counters)
        self.accounts.clear()
        app_url = self.portal.app_url
        self.portals.clear()
        self.stories.clear()
        self.story_ids.clear()
        self.faults.clear()
        self.add_portal("acme", **self.first).app_url = app_url
        self.touch()

    def connection(
        self, slug: str | None = None, *, token: Token | None = None, uis_key: str | None = None
    ) -> dict[str, Any]:
        """Everything the product needs to connect itself; each call issues a fresh pair for user 1."""
        portal, uis = self.portals[slug] if slug else self.portal, self.account(uis_key)
        with self.lock:
            issued = token or portal.issue_tokens(1)
        return {
            "member_id": portal.member_id,
            "domain": portal.domain,
            "path": f"/portal/{portal.slug}/",
            "client_endpoint": portal.client_endpoint,
            "oauth_url": f"{self.url}/oauth",
            "server_endpoint": f"{self.url}/oauth/rest/",
            "client_id": portal.client_id,
            "client_secret": portal.client_secret,
            "access_token": issued.access,
            "refresh_token": issued.refresh,
            "expires": int(issued.expires_at),
            "application_token": portal.application_token,
            "scope": ",".join(portal.scopes),
            "user_id": issued.user_id,
            "uis": {
                "brand": "uis",
                "app_id": uis.app_id,
                "key": uis.key,
                "data_api_url": f"{self.url}/uis/data/v2.0",
                "call_api_url": f"{self.url}/uis/call/v4.0",
            },
        }

    # --- stories

    def tell(self, kind: str, **wishes: Any) -> Story:
        """Prepare a story: its rows are in the reports, nothing has been sent; see `stories.tell` for the wishes."""
        if kind == "click_to_call":
            wishes = self._dialled(wishes)
        return stories.tell(self, kind, **wishes)

    def play(self, kind: str, *, realtime: bool = False, **wishes: Any) -> Story:
        """Prepare a story and send its notifications to the `events_url`, at once or in real time from a thread.

        `click_to_call` continues the newest call asked for through the Call API, if there is one that has not been
        played. Of a series all stories are played, and the first is returned.
        """
        if kind in stories.SERIES:
            return stories.play_series(self, kind, realtime=realtime, **wishes)
        return stories.play(self, self.tell(kind, realtime=realtime, **wishes), realtime=realtime)

    def _dialled(self, wishes: dict[str, Any]) -> dict[str, Any]:
        dials = self.account(wishes.get("uis_key")).dials
        wanted = wishes.get("call_session_id")
        waiting = [one for one in dials.values() if not one.get("played") and wanted in (None, one["call_session_id"])]
        if not waiting:
            return wishes
        dial = waiting[-1]
        dial["played"] = True
        found = {"client_phone": dial["contact"], "virtual_number": dial["virtual_phone_number"]}
        found |= {"call_session_id": dial["call_session_id"], "external_id": dial["external_id"]}
        return found | ({"employees": [dial["employee_id"]]} if dial["employee_id"] else {}) | wishes

    # --- what the portal sends

    def send_event(
        self,
        name: str,
        data: dict[str, Any] | None = None,
        *,
        user_id: int = 1,
        url: str | None = None,
        slug: str | None = None,
    ) -> list[int]:
        """Send an event to the bound handlers (or to `url`); the HTTP statuses."""
        portal = self.portals[slug] if slug else self.portal
        with self.lock:
            targets = [(url, None)] if url else outbox.handlers_of(portal, name)
            posts = [
                (target, outbox.event_form(portal, name, data or {}, user_id=user_id, handler_id=handler_id))
                for target, handler_id in targets
            ]
        statuses = [outbox.post_event(portal, str(target), form) for target, form in posts]
        self.touch()
        return statuses

    def click_to_call(
        self, *, phone: str, user_id: int = 12, line: str = "", entity: tuple[str, int] | None = None
    ) -> str:
        """Click a number in the CRM: Bitrix24 registers the call and tells the application. Returns the CALL_ID."""
        with self.lock:
            data = outbox.click(self.portal, phone=phone, user_id=user_id, line=line, entity=entity)
        self.send_event("ONEXTERNALCALLSTART", data, user_id=user_id)
        return str(data["CALL_ID"])

    def callback_form(self, *, phone: str, line: str = "", text: str = "Клиент ждёт звонка") -> dict[str, Any]:
        """A visitor fills a callback form: the form makes a lead (or a contact) and the application is told."""
        with self.lock:
            portal, fm = self.portal, [{"typeId": "PHONE", "valueType": "WORK", "value": phone}]
            type_id, name = (1, "LEAD") if portal.leads_on else (3, "CONTACT")
            fields = {"title": "Обратный звонок"} if portal.leads_on else {"name": "Посетитель"}
            item = portal.crm.add(type_id, fields | {"sourceId": "CALLBACK", "fm": fm})
            data = {"PHONE_NUMBER": phone, "TEXT": text, "VOICE": "rufemale", "LINE_NUMBER": line}
            data |= {"CRM_ENTITY_TYPE": name, "CRM_ENTITY_ID": item["id"]}
        self.send_event("ONEXTERNALCALLBACKSTART", data)
        return data

    def install(self, url: str) -> list[int]:
        """Send ONAPPINSTALL with a fresh pair."""
        self.portal.installed = True
        data = {"VERSION": 1, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "ru"}
        return self.send_event("ONAPPINSTALL", data, url=url)

    def uninstall(self, *, clean: bool = False, url: str | None = None) -> list[int]:
        """Remove the application: tokens die, lines and bindings go, ONAPPUNINSTALL (without tokens) is sent."""
        portal = self.portal
        with self.lock:
            targets = [url] if url else [target for target, _ in outbox.handlers_of(portal, "ONAPPUNINSTALL")]
            portal.revoke_tokens()
            portal.handlers.clear()
            portal.placements.clear()
            portal.telephony.lines.clear()
            portal.installed = False
        data = {"LANGUAGE_ID": "ru", "CLEAN": int(clean)}
        return [status for target in targets for status in self.send_event("ONAPPUNINSTALL", data, url=target)]

    def frame(
        self, *, user_id: int = 1, placement: str = "DEFAULT", options: Any = None, language: str = "ru"
    ) -> dict[str, Any]:
        """Query and body with which the portal opens the application in a frame."""
        with self.lock:
            return outbox.frame(self.portal, user_id=user_id, placement=placement, options=options, language=language)

    # --- serving

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Iterator["Sandbox"]:
        """Answer HTTP in a background thread while the block runs. Raises OSError when the port is taken."""
        server = self.make_server(host, port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)
            self.save()

    def make_server(self, host: str, port: int) -> Any:
        """The HTTP server, bound but not yet running; sets `url`."""
        bound = socket.create_server((host, port), backlog=512)
        number = bound.getsockname()[1]
        edge, handler = Edge(make_app(self)), QuietHandler
        server = make_server(host, number, edge, threaded=True, request_handler=handler, fd=bound.detach())
        self.url = f"http://{host}:{number}"
        for uis in (self.uis, *self.accounts.values()):
            uis.url = self.url
        for portal in self.portals.values():
            portal.url = self.url
        return server

    # --- change and memory

    def touch(self) -> None:
        """Note that something changed."""
        self.version += 1

    def save(self) -> None:
        """Write the state file, atomically, if there is one and something changed."""
        if self.state is None or self.version == self.saved_version:
            return
        with self.lock:
            self.saved_version = self.version
            memory = {name: getattr(self, name) for name in _SAVED} | {"format": STATE_FORMAT}
            for portal in self.portals.values():
                del portal.requests[:-KEPT_IN_FILE]
            data = pickle.dumps(memory)
        self.state.parent.mkdir(parents=True, exist_ok=True)
        draft = self.state.with_name(self.state.name + ".new")
        draft.write_bytes(data)
        os.replace(draft, self.state)

    def _load(self) -> bool:
        if self.state is None or not self.state.exists():
            return False
        memory = pickle.loads(self.state.read_bytes())
        if memory.get("format") != STATE_FORMAT:
            raise ValueError("written by another version")
        for name in _SAVED:
            setattr(self, name, memory.get(name, getattr(self, name)))  # a file may be older than one of them
        for portal in self.portals.values():
            portal.live = 0
        return True


_SAVED = ("portals", "uis", "accounts", "stories", "story_ids", "oauth_log", "product_url")
