"""What a live UIS account is asked, and what its notifications have told already. Reads only.

The numbers are those of docs/verified.md, as in `crm_bitrix.live_checks`.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from crm_bitrix.live_checks import Check, Finding, Verdict, judged
from integration import events, notifications, uis_methods
from integration.models import Credential, InboxEvent
from integration.uis import Uis, UisError

DAYS = timedelta(days=7)
READ = 50
"""How many rows of a report, and how many stored notifications, are looked at."""

SHIFT = timedelta(minutes=30)


def check_account(credential: Credential) -> Finding:
    """Whether the key opens the account it was given for, in the zone that is kept."""
    account = uis_methods.account(Uis.of(credential))
    told = f"account {account.app_id}, zone {account.zone_name or 'unknown here'}"
    kept = (credential.uis_account_id, credential.uis_time_zone)
    return judged((account.app_id, account.zone_name or kept[1]) == kept, told)


def check_errors(credential: Credential) -> Finding:
    """Whether the refusal of a method that does not exist can be read."""
    try:
        Uis.of(credential).ask("get.nothing_of_this_name", {}, is_urgent=True)
    except UisError as error:
        return judged(error.mnemonic not in ("no_answer", "unreadable_answer"), f"refused with {error.mnemonic!r}")
    return Finding(Verdict.DIFFERS, "it is not refused at all")


def check_zone(credential: Credential) -> Finding:
    """Whether the times in notifications are those of the account's zone: the newest ones against their arrival."""
    shifts = []
    for stored in _stored(credential):
        told = events.moment(_payload(stored), "notification_time", credential.zone)
        if told:
            shifts.append(stored.received_at - told)
    if not shifts:
        return Finding(Verdict.OPEN, "not told: no notification with a time has come yet")
    middle = sorted(shifts)[len(shifts) // 2]
    told = f"{len(shifts)} notifications came {middle.total_seconds():.0f} s after their time"
    return judged(abs(middle) < SHIFT, told)


def check_notifications(credential: Credential) -> Finding:
    """Which of the notifications that the set-up asks for have come."""
    seen = set(InboxEvent.objects.filter(channel=credential.channel).values_list("name", flat=True).distinct())
    wanted = [one.event for one in notifications.TEMPLATES if one.need is notifications.Need.MINIMUM]
    lacking = [event for event in wanted if event not in seen]
    return Finding(Verdict.OPEN if lacking else Verdict.HOLDS, f"not come yet: {', '.join(lacking) or 'none'}")


def check_bodies(credential: Credential) -> Finding:
    """Whether everything that came could be read."""
    stored = _stored(credential)
    bad = [one.error for one in stored if one.error]
    if not stored:
        return Finding(Verdict.OPEN, "not told: no notification has come yet")
    return judged(not bad, f"not readable: {bad[0]}" if bad else f"all of the newest {len(stored)} were readable")


def check_recordings(credential: Credential) -> Finding:
    """From which hosts recordings come."""
    now = timezone.now()
    rows = uis_methods.calls_report(Uis.of(credential), since=now - DAYS, till=now, first=READ)
    hosts = {urlsplit(str(row["full_record_file_link"])).hostname for row in rows if row.get("full_record_file_link")}
    return Finding(Verdict.SEEN if hosts else Verdict.OPEN, ", ".join(sorted(filter(None, hosts))) or "no recordings")


def _stored(credential: Credential) -> list[InboxEvent]:
    told = InboxEvent.objects.filter(channel=credential.channel, source=InboxEvent.Source.UIS)
    return list(told.order_by("-id")[:READ])


def _payload(stored: InboxEvent) -> dict[str, object]:
    try:
        return dict(events.read_notification(stored.query, stored.body).payload)
    except events.BadPayload:
        return {}


CHECKS: tuple[Check[Credential], ...] = (
    Check("U3", "bodies of notifications", "what cannot be read is fetched from the reports", check_bodies),
    Check("U4", "notifications", "cards come late or never: see the steps in the settings", check_notifications),
    Check("U8", "zone of times", "set the zone of the account right, then synchronise", check_zone),
    Check("U9", "hosts of recordings", "compare with MEDIA_DOMAINS: others are refused", check_recordings),
    Check("U11", "errors of the interfaces", "refusals are taken for silence and repeated", check_errors),
    Check("U15", "key and zone", "conditions by time of day look at another hour", check_account),
)
