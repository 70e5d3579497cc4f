"""The lane of a UIS account: it asks for reports, and what they tell comes back through the inbox.

    awaited    calls, chats and requests that wait for their report: one request serves all of a kind
    calls      reconciliation: everything of the window that began since the last reading, overlapping by two hours
    chats
    requests
    days       how many there were by UIS's own count, per day

Each is a row of `ReportCursor` with the moment of its next turn; a round takes the turns that are due. What waits is
read from the rows themselves, so a turn may be missed, repeated or killed: the next one finds the same. The portal is
not touched here, and a slow UIS holds nothing but its own account's reports.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from integration import account_alerts, completeness, lanes, uis_methods
from integration.events import moment, whole_number
from integration.many import update_alike
from integration.models import Communication, Credential, Lane, ReportCursor
from integration.report_rows import (
    Page,
    Reader,
    Taken,
    read_calls,
    read_chats,
    read_requests,
    take_calls,
    take_chats,
    take_requests,
)
from integration.uis import Row
from integration.uis_errors import ACCOUNT_CODES, Effect, UisError

EVERY = timedelta(minutes=15)
EVERY_WHILE_AWAITED = timedelta(minutes=5)
DAYS_EVERY = timedelta(hours=1)
OVERLAP = timedelta(hours=2)
LONGEST_OPEN = timedelta(hours=24)
"""For so long the reading goes back to what goes on still."""

FIRST_AFTER = timedelta(seconds=5)
SLOT = timedelta(seconds=10)
LONGEST_REST = timedelta(hours=1)
AWAITED_FOR = timedelta(hours=24)
AWAITED_AT_ONCE = 500
LONGEST_CHAT = timedelta(days=8)
AROUND_START = timedelta(hours=1)

PART_BY_COMMAND = timedelta(days=14)
ROUND_SECONDS = 5.0

CLAIM = timedelta(minutes=1)
HOLD_REST = timedelta(minutes=5)

Kind = ReportCursor.Kind
READERS: Mapping[str, Callable[..., Page]] = {
    Kind.CALLS: read_calls,
    Kind.CHATS: read_chats,
    Kind.REQUESTS: read_requests,
}


# --- what is due ----------------------------------------------------------------------------------------------------


def due_credentials(now: datetime, credential_id: int | None) -> set[int]:
    """The credentials with a poll whose turn has come; with `credential_id` only whether that one is among them.

    A credential that was never polled, however it was made, gets its lane and its cursors by the look at all.
    """
    credentials = Credential.objects.filter(portal__isnull=False, portal__uninstalled_at__isnull=True)
    credentials = credentials.exclude(uis_key="")
    turns = ReportCursor.objects.filter(next_at__lte=now)
    if credential_id is not None:
        is_awaited = Exists(awaited(now).filter(credential=OuterRef("credential")))
        its = turns.filter(~Q(kind=Kind.AWAITED) | is_awaited, credential__in=credentials.filter(pk=credential_id))
        return set(its.values_list("credential_id", flat=True))
    for credential in credentials.exclude(Exists(ReportCursor.objects.filter(credential=OuterRef("pk")))):
        begin(credential)
    due = set(turns.exclude(kind=Kind.AWAITED).values_list("credential_id", flat=True))
    rested = turns.filter(kind=Kind.AWAITED).values("credential")
    due |= set(awaited(now).filter(credential__in=rested).order_by().values_list("credential_id", flat=True))
    return set(credentials.filter(pk__in=due).values_list("pk", flat=True))


def begin(credential: Credential) -> None:
    """Give a credential its lane and its cursors. What was before the credential is not fetched."""
    Lane.objects.get_or_create(name=credential.channel)
    for kind in Kind:
        ReportCursor.objects.get_or_create(credential=credential, kind=kind, defaults={"since": credential.created_at})


def awaited(now: datetime) -> "QuerySet[Communication]":
    """Calls and chats that are over, chats that an operator has just taken, and requests: those whose report has not
    come since and which may be asked for now. What the notifications leave out only the report tells: who the client
    of a chat is, which form a request was left in."""
    is_told = Q(facts__has_key="end") | Q(facts__has_key="lost") | Q(kind="chat", facts__has_key="taken")
    told = Communication.objects.filter(is_told | Q(kind="request"), report_at__lte=now)
    return told.exclude(kind="call", facts__has_key="report")


def troubles(credential: Credential) -> list[str]:
    """What the administrator has to do so that the reports can be read: each instruction once."""
    told = credential.report_cursors.exclude(error="").order_by("kind").values_list("error", flat=True)
    return list(dict.fromkeys(told))


# --- one round ------------------------------------------------------------------------------------------------------


def uis_round(lane: Lane) -> None:
    """Take the turns of the polls that are due, the most urgent first, for some seconds.

    1. The turn is claimed for a minute, so that a poll that kills its worker is not repeated at once.
    2. The poll asks UIS and stores what is new. Killed here: the cursor stands where it stood, what is stored stays.
    3. The cursor moves on. A refusal that concerns this poll alone lets this poll rest, any other one the lane.
    """
    until = time.monotonic() + ROUND_SECONDS
    credential = Credential.objects.select_related("portal").get(pk=int(lane.name.split(":")[1]))
    reader = Reader(credential, lane.lease_token)
    cursors = {cursor.kind: cursor for cursor in credential.report_cursors.all()}
    for cursor in _due_cursors(credential, cursors, timezone.now()):
        ReportCursor.objects.filter(pk=cursor.pk).update(next_at=timezone.now() + CLAIM)
        try:
            _turn(reader, cursor)
        except UisError as error:
            is_over = _fail(cursor, lane.name, error)
        else:
            is_over = time.monotonic() > until
            cursor.error, cursor.code, cursor.failing_since = "", "", None
            _settle(lane, cursors.values())
        cursor.save(update_fields=["since", "next_at", "read_at", "error", "code", "failing_since"])
        if is_over:
            return


def _due_cursors(credential: Credential, cursors: Mapping[str, ReportCursor], now: datetime) -> Iterator[ReportCursor]:
    """The cursors whose turn it is, the most urgent first."""
    for kind in [kind for kind in Kind if kind in cursors and cursors[kind].next_at <= now]:
        if kind != Kind.AWAITED or awaited(now).filter(credential=credential).exists():
            yield cursors[kind]


def _turn(reader: Reader, cursor: ReportCursor) -> None:
    now = timezone.now()
    if cursor.kind == Kind.AWAITED:
        is_asked = poll_awaited(reader)
        cursor.next_at, cursor.read_at = (now + SLOT, now) if is_asked else (now, cursor.read_at)
    elif cursor.kind == Kind.DAYS:
        completeness.count_days(reader)
        account_alerts.look(reader.credential, now)
        cursor.next_at, cursor.read_at = now + DAYS_EVERY, now
    else:
        page = READERS[cursor.kind](reader, since=cursor.since, till=now)
        _move(cursor, page, reader.credential, now)


def _move(cursor: ReportCursor, page: Page, credential: Credential, now: datetime) -> None:
    """After the last part of a window the next one overlaps it, as far back as something goes on still."""
    if page.next_since is not None:
        cursor.since, cursor.next_at = page.next_since, now
        return
    since = min(now - OVERLAP, page.open_since or now)
    cursor.since = max(since, now - LONGEST_OPEN, credential.created_at)
    cursor.read_at, cursor.next_at = now, now + EVERY
    if cursor.kind == Kind.CALLS:
        waiting = Communication.objects.filter(credential=credential, report_at__isnull=False)
        if waiting.exists() and _wait_on(waiting, now).filter(kind="call").exists():
            cursor.next_at = now + EVERY_WHILE_AWAITED


def _wait_on(waiting: "QuerySet[Communication]", now: datetime) -> "QuerySet[Communication]":
    """Those that are still waited for: not what has come, nor what will not come. A chat may go on for days, and so
    long may an operator leave a request alone."""
    is_call_in_vain = Q(facts__has_key="report") | Q(started_at__lt=now - 2 * AWAITED_FOR)
    is_in_vain = Q(is_call_in_vain, kind="call") | Q(started_at__lt=now - LONGEST_CHAT)
    update_alike(waiting.filter(is_in_vain), report_at=None)
    return waiting.all()


def _fail(cursor: ReportCursor, name: str, error: UisError) -> bool:
    """A poll brought nothing: note what helps, and let it rest, or the whole lane where all polls would fail. Say
    whether the lane rests."""
    now, instruction = timezone.now(), str(error.instruction)
    cursor.code, cursor.failing_since = error.mnemonic[:60], cursor.failing_since or now
    cursor.error = instruction[: ReportCursor._meta.get_field("error").max_length]
    cursor.next_at = now
    if error.effect is Effect.LIMIT:
        lanes.wait(name, until=error.retry_at or now + CLAIM, reason=instruction)
    elif error.effect is Effect.HOLD:
        lanes.pause(name, reason=instruction, until=now + HOLD_REST)
    elif error.effect is Effect.RETRY:
        lanes.pause(name, reason=instruction)
    else:
        cursor.next_at = now + EVERY
        return False
    return True


def _settle(lane: Lane, cursors: Iterable[ReportCursor]) -> None:
    """Note a turn without failure: what ailed the whole account is over. The rest that the last answer asked for, its
    points being gone, stays."""
    for cursor in cursors:
        if cursor.code in ACCOUNT_CODES:
            cursor.error, cursor.code, cursor.failing_since = "", "", None
            cursor.save(update_fields=["error", "code", "failing_since"])
    if lane.is_troubled and not Lane.objects.filter(pk=lane.pk, paused_until__gt=timezone.now()).exists():
        lanes.settle(lane)


# --- what waits for its report --------------------------------------------------------------------------------------


def poll_awaited(reader: Reader) -> bool:
    """Ask for the reports of all calls of a credential that wait for theirs, in one request, so for all chats, and so
    for all requests; no when it was too early for all of them. Raises UisError.

    One is asked for first a few seconds after its end, then ever more rarely: after as long again as it has been over.
    What comes later still, the reconciliation finds.
    """
    now = timezone.now()
    ready: dict[str, list[Communication]] = {kind: [] for kind in _REPORTS}
    for ended in awaited(now).filter(credential=reader.credential).order_by("started_at")[:AWAITED_AT_ONCE]:
        if ended.uis_id.isdecimal() and _age(ended, now) >= FIRST_AFTER:
            ready[ended.kind].append(ended)
        else:
            _ask_again(ended, now)
    for kind, waiting in ready.items():
        if waiting:
            _poll(reader, kind, waiting, now)
    return any(ready.values())


_REPORTS: Mapping[str, tuple[Callable[..., Sequence[Row] | None], Callable[..., tuple[Taken, list[Row]]]]] = {
    "call": (uis_methods.calls_report, take_calls),
    "chat": (uis_methods.chats_report, take_chats),
    "request": (uis_methods.offline_messages_report, take_requests),
}


def _poll(reader: Reader, kind: str, waiting: Sequence[Communication], now: datetime) -> None:
    """Ask for the reports of these calls, of these chats, or of these requests. Where the account has no such report
    nobody waits for it any more."""
    ids, since = [int(one.uis_id) for one in waiting], min(one.started_at for one in waiting) - AROUND_START
    ask, take = _REPORTS[kind]
    rows = ask(reader.uis, since=since, till=now, ids=ids)
    if rows is None:
        update_alike(Communication.objects.filter(pk__in=[one.pk for one in waiting]), report_at=None)
        return
    _taken, ongoing = take(reader, rows)
    told = {whole_number(row, "id") for row in rows} - {whole_number(row, "id") for row in ongoing}
    for one in waiting:
        if int(one.uis_id) not in told:
            _ask_again(one, now)


def _ask_again(one: Communication, now: datetime) -> None:
    age = _age(one, now)
    rest = FIRST_AFTER - age if age < FIRST_AFTER else max(SLOT, min(age, LONGEST_REST))
    patience = LONGEST_CHAT if one.kind == "request" else AWAITED_FOR
    later = now + rest if age < patience and one.uis_id.isdecimal() else None
    Communication.objects.filter(pk=one.pk, report_at=one.report_at).update(report_at=later)


def _age(call: Communication, now: datetime) -> timedelta:
    """For how long a call has been over. An end well in the future is that of a wrong clock or zone: it is over."""
    ends = [moment(call.facts[name], "at", UTC) for name in ("end", "lost") if name in call.facts]
    age = now - max((end for end in ends if end), default=call.started_at)
    return age if age > -FIRST_AFTER else FIRST_AFTER


# --- a period, by command -------------------------------------------------------------------------------------------


def read_again(credential: Credential, *, since: datetime) -> None:
    """Have everything since then read once more by the regular polls; what is known already is not stored again."""
    cursors = credential.report_cursors.filter(kind__in=READERS, since__gt=since)
    cursors.update(since=since, next_at=timezone.now())
    lanes.ring(f"uis:{credential.pk}")


def reconcile(
    credential: Credential, *, since: datetime, till: datetime, wait: Callable[[UisError], None]
) -> dict[str, Taken | None]:
    """Read everything of a period and store what is missing; return, per kind, what was done. None: no such report.

    When the points of the account are gone, `wait` is called and the request repeated, unless it raises. Raises
    UisError.
    """
    taken: dict[str, Taken | None] = {}
    reader = Reader(credential, part=PART_BY_COMMAND)
    for kind, read in READERS.items():
        total, begin_at = Taken(), since
        while True:
            page = _patiently(partial(read, reader, since=begin_at, till=till), wait)
            total += page.taken
            if page.next_since is None:
                break
            begin_at = page.next_since
        taken[str(kind)] = total if page.is_available else None
    return taken


def _patiently(ask: Callable[[], Page], wait: Callable[[UisError], None]) -> Page:
    while True:
        try:
            return ask()
        except UisError as error:
            if error.effect is not Effect.LIMIT:
                raise
            wait(error)
