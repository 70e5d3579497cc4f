"""Who may knock, and how often: for the doors that make us ask somebody else before we know who is there.

Attempts are counted in the database, for all processes, by the network address of the client. Whoever has proved who
he is is never counted: the hooks of UIS and the events of a portal that we know do not come here at all.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from integration.models import Attempts


@dataclass(frozen=True)
class Limit:
    """At most so many attempts of one address within this time, counted from the first one."""

    name: str
    times: int
    within: timedelta


LOOKS = Limit("look", 20, timedelta(minutes=10))
"""A typed address of a portal, which we look at ourselves."""

REFUSALS = Limit("refusal", 30, timedelta(minutes=5))
"""An entry or an installation in somebody's name that was not believed; behind one address may sit a whole office."""


def address_of(request: HttpRequest) -> str:
    """The network address of the client: of IPv6 the network, because a household has 2^64 addresses.

    What a proxy tells is believed only if it comes from a private network, as a proxy of ours does: anybody can send
    the header.
    """
    given = request.META.get("REMOTE_ADDR", "")
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    address = _read(told) if told and _is_private(given) else None
    address = address or _read(given)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or given)


def seconds_to_wait(limit: Limit, address: str) -> int:
    """How long this address has to wait before it may try again; 0 = it may try."""
    now = timezone.now()
    full = Attempts.objects.filter(**_key(limit, address), count__gte=limit.times, until__gt=now).first()
    return max(1, round((full.until - now).total_seconds())) if full else 0


def count(limit: Limit, address: str) -> None:
    """Note one attempt. What is over is forgotten on the way."""
    now = timezone.now()
    mine = Attempts.objects.filter(**_key(limit, address))
    if mine.filter(until__gt=now).update(count=F("count") + 1):
        return
    Attempts.objects.filter(until__lte=now).delete()
    _, is_new = Attempts.objects.get_or_create(**_key(limit, address), defaults={"until": now + limit.within})
    if not is_new:
        mine.update(count=F("count") + 1)


def _key(limit: Limit, address: str) -> dict[str, str]:
    hashed = salted_hmac("integration.edge", address, algorithm="sha256").hexdigest()
    return {"name": limit.name, "address_hash": hashed}


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_private(text: str) -> bool:
    address = _read(text)
    return address is None or address.is_private
