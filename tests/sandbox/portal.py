"""One emulated Bitrix24 portal: its people, tokens, limits and everything the methods write into."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from . import clock
from .crm import Crm
from .records import CommandRecord, RequestRecord
from .telephony import Telephony

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 180 * 86400
CODE_SECONDS = 30
SCOPES = ("crm", "telephony", "im", "imopenlines", "placement", "user_basic", "department", "timeman")
KEPT_REQUESTS = 20_000
NO_COST = {"requests": 0, "own": 0, "shared": 0, "commands": 0}


@dataclass
class Token:
    """A pair of tokens of one user. Times are Unix seconds."""

    access: str
    refresh: str
    user_id: int
    scopes: frozenset[str]
    expires_at: float
    refresh_expires_at: float

    @property
    def is_expired(self) -> bool:
        """True once the access token's hour is over."""
        return clock.now() >= self.expires_at


@dataclass
class Portal:
    """State of a portal. Tests read and change it directly; `crm`, `telephony` hold the larger parts.

    `leads_on` False is the simple CRM mode (`crm.settings.mode.get` = 2). `leak_per_second` and `bucket_size` are
    the rate limit, `operating_limit` the seconds of work time per method in `operating_minutes`.
    """

    slug: str
    client_id: str
    client_secret: str
    title: str = "Акме"
    url: str = "http://127.0.0.1"
    member_id: str = ""
    application_token: str = ""
    installed: bool = True
    is_paid: bool = True
    leads_on: bool = True
    scopes: tuple[str, ...] = SCOPES
    leak_per_second: float = 2.0
    bucket_size: float = 50.0
    operating_limit: float = 480.0
    operating_minutes: int = 10
    app_url: str = ""
    host: str = ""
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    departments: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    refresh_tokens: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, tuple[int, float]] = field(default_factory=dict)
    handlers: list[dict[str, Any]] = field(default_factory=list)
    placements: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    chats: dict[int, dict[str, Any]] = field(default_factory=dict)
    open_lines: list[dict[str, Any]] = field(default_factory=list)
    events_sent: list[dict[str, Any]] = field(default_factory=list)
    crm: Crm = field(default_factory=Crm)
    telephony: Telephony = field(default_factory=Telephony)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    story_of: dict[str, str] = field(default_factory=dict)
    live: int = 0
    max_concurrent: int = 0
    requests: list[RequestRecord] = field(default_factory=list)
    request_number: int = 0
    bucket: float = 0.0
    bucket_at: float = 0.0
    operating: dict[str, dict[int, float]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seed = hashlib.md5(f"portal:{self.slug}".encode(), usedforsecurity=False).hexdigest()
        self.member_id = self.member_id or seed
        self.application_token = self.application_token or hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest()

    # --- addresses

    @property
    def domain(self) -> str:
        """Host and port, as payloads of a portal carry it."""
        return self.host or self.url.split("//", 1)[1]

    @property
    def client_endpoint(self) -> str:
        """Root of the REST methods."""
        return f"http://{self.domain}/portal/{self.slug}/rest/"

    def rename(self, name: str = "localhost") -> None:
        """Move the portal to another host name of this machine; requests to the old one are answered with 302."""
        self.host = f"{name}:{self.url.rsplit(':', 1)[1]}"

    # --- people

    def add_user(self, user_id: int, name: str, last_name: str, **fields: Any) -> dict[str, Any]:
        """Add an employee; extra fields in the portal's spelling (`EMAIL`, `UF_PHONE_INNER`, `ADMIN`, `ACTIVE`...)."""
        user = {
            "ID": str(user_id),
            "ACTIVE": True,
            "NAME": name,
            "LAST_NAME": last_name,
            "SECOND_NAME": "",
            "EMAIL": f"user{user_id}@acme.example",
            "UF_PHONE_INNER": None,
            "UF_DEPARTMENT": [1],
            "WORK_PHONE": "",
            "PERSONAL_MOBILE": "",
            "PERSONAL_PHONE": "",
            "WORK_POSITION": "",
            "USER_TYPE": "employee",
            "IS_ONLINE": "Y",
            "TIME_ZONE": "Europe/Moscow",
            "ADMIN": False,
            "TIMEMAN_STATUS": "OPENED",
        }
        self.users[user_id] = {**user, **fields}
        return self.users[user_id]

    def add_users(self, n: int, *, first_id: int = 1001) -> None:
        """Add many employees, with extensions from 20000."""
        for number in range(n):
            self.add_user(first_id + number, f"Имя{number}", f"Фамилия{number}", UF_PHONE_INNER=str(20000 + number))

    def user_by_extension(self, extension: str) -> int | None:
        """Id of the active employee with this inner number."""
        for user_id, user in self.users.items():
            if user["ACTIVE"] and user["UF_PHONE_INNER"] and str(user["UF_PHONE_INNER"]) == str(extension):
                return user_id
        return None

    def is_active(self, user_id: int) -> bool:
        """True for a known employee who has not been dismissed."""
        return bool(self.users.get(user_id, {}).get("ACTIVE"))

    # --- tokens

    def issue_tokens(self, user_id: int = 1, scopes: tuple[str, ...] | None = None) -> Token:
        """Give a user a fresh pair; earlier pairs stay valid."""
        now = clock.now()
        token = Token(
            access=secrets.token_hex(32),
            refresh=secrets.token_hex(32),
            user_id=user_id,
            scopes=frozenset(self.scopes if scopes is None else scopes),
            expires_at=now + ACCESS_SECONDS,
            refresh_expires_at=now + REFRESH_SECONDS,
        )
        self.tokens[token.access] = self.refresh_tokens[token.refresh] = token
        return token

    def renew(self, refresh: str) -> Token | None:
        """Trade a refresh token for a new pair; the old refresh token dies. None = invalid_grant."""
        old = self.refresh_tokens.get(refresh)
        if old is None or clock.now() >= old.refresh_expires_at:
            return None
        del self.refresh_tokens[refresh]
        return self.issue_tokens(old.user_id, tuple(sorted(old.scopes)))

    def issue_code(self, user_id: int = 1) -> str:
        """Code for grant_type=authorization_code, good for 30 seconds."""
        code = secrets.token_hex(16)
        self.codes[code] = (user_id, clock.now() + CODE_SECONDS)
        return code

    def expire_tokens(self) -> None:
        """Make every access token expired now; refresh tokens stay good."""
        for token in self.tokens.values():
            token.expires_at = clock.now()

    def revoke_tokens(self) -> None:
        """Kill every pair: access tokens become unknown, refresh tokens give invalid_grant."""
        self.tokens.clear()
        self.refresh_tokens.clear()

    # --- limits

    def bucket_level(self) -> float:
        """Drops in the leaky bucket now."""
        return max(0.0, self.bucket - (clock.now() - self.bucket_at) * self.leak_per_second)

    def pour(self) -> bool:
        """Count one request; False when the bucket runs over (503)."""
        level = self.bucket_level() + 1
        if level > self.bucket_size:
            return False
        self.bucket, self.bucket_at = level, clock.now()
        return True

    def charge(self, method: str, seconds: float) -> None:
        """Add work time to this minute's basket of a method."""
        minute = int(clock.now() // 60)
        baskets = self.operating.setdefault(method.lower(), {})
        baskets[minute] = baskets.get(minute, 0.0) + seconds
        for old in [one for one in baskets if one <= minute - self.operating_minutes]:
            del baskets[old]

    def spent(self, method: str) -> tuple[float, int]:
        """Work time of a method in the baskets that count, and when the oldest basket falls out (Unix seconds)."""
        minute = int(clock.now() // 60)
        alive = {
            at: cost
            for at, cost in self.operating.get(method.lower(), {}).items()
            if at > minute - self.operating_minutes
        }
        oldest = min(alive, default=minute)
        return sum(alive.values()), (oldest + self.operating_minutes) * 60

    # --- reading the log

    def next_id(self, kind: str, *, start: int = 1) -> int:
        """Next number of a kind of row."""
        self.counters[kind] = self.counters.get(kind, start - 1) + 1
        return self.counters[kind]

    def commands(self, method: str | None = None, *, ok: bool = False) -> list[CommandRecord]:
        """Every command so far, in order; of one method, and only the successful ones, if asked."""
        found = [command for request in list(self.requests) for command in request.log]
        if method is not None:
            found = [one for one in found if one.method.lower() == method.lower()]
        return [one for one in found if one.error is None] if ok else found

    def log(self, record: RequestRecord) -> None:
        """Keep a request; the oldest ones go when there are too many."""
        self.requests.append(record)
        if len(self.requests) > KEPT_REQUESTS:
            del self.requests[: KEPT_REQUESTS // 2]

    def clear_log(self) -> None:
        """Forget requests and the highest concurrency seen; state stays."""
        self.requests.clear()
        self.max_concurrent = self.live

    def cost(self, story: str) -> dict[str, int]:
        """Requests (of its own, and shared with other stories) and commands that a story has cost."""
        return self.costs(list(self.requests)).get(story, dict(NO_COST))

    @staticmethod
    def costs(requests: list[RequestRecord]) -> dict[str, dict[str, int]]:
        """The same for every story of these requests, in one pass."""
        found: dict[str, dict[str, int]] = {}
        for request in requests:
            for story in request.stories:
                cost = found.setdefault(story, dict(NO_COST))
                cost["requests"] += 1
                cost["own" if len(request.stories) == 1 else "shared"] += 1
                cost["commands"] += sum(1 for command in request.log if command.story == story)
        return found

    def counts(self) -> dict[str, int]:
        """How many objects there are: leads, deals, contacts, companies, activities, notifications, records, calls."""
        items = self.crm.items
        return {
            "leads": len(items[1]),
            "deals": len(items[2]),
            "contacts": len(items[3]),
            "companies": len(items[4]),
            "activities": len(self.crm.activities),
            "comments": len(self.crm.timeline),
            "notifications": len(self.notifications),
            "records": len(self.telephony.records),
            "calls": len(self.telephony.statistics),
            "cards": len(self.telephony.cards),
        }
