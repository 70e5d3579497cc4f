"""The addresses that machines call: plain views, no session, no parsing, an answer at once."""

from datetime import timedelta
from functools import cache
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from integration import __version__, own_address
from integration.door import take_in
from integration.models import InboxEvent, Lane
from integration.tracing import trace_id


@csrf_exempt
def uis_events(request: HttpRequest, credential_uuid: UUID, secret: str) -> HttpResponse:
    """Take one UIS notification, GET or POST, of any content type.

    200 stored (or seen before) · 204 we ourselves have knocked · 404 unknown credential or wrong secret, without a
    body · 413 more than 1 MB · 503 the database is away, UIS may try again.
    """
    try:
        key = take_in(credential_uuid, secret, query=request.META.get("QUERY_STRING", ""), body=request.body)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except DatabaseError:
        return HttpResponse(status=503)
    if key:
        return HttpResponse(status=200, headers={"X-Trace-Id": trace_id(key)})
    return HttpResponse(status=own_address.ANSWER if own_address.is_knock(secret, credential_uuid) else 404)


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers, and says which version it is."""
    return JsonResponse({"status": "ok", "version": __version__})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """The service can do its work: 200 with everything that was checked, 503 when the database is away, or older than
    the code that runs.

    `tick` and `queue` say how many seconds ago they last gave a sign of life, null = never; more than a minute means
    that nobody wakes the lanes, or that nobody works on them.
    """
    now = timezone.now()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        late = InboxEvent.objects.filter(folded_at__isnull=True, received_at__lt=now - timedelta(minutes=1))
        signs = dict(Lane.objects.filter(name__in=("tick", "heartbeat")).values_list("name", "rung_at"))
        unread = late.count()
    except DatabaseError:
        return JsonResponse({"database": "away"}, status=503)
    if not _is_migrated():
        return JsonResponse({"database": "not migrated"}, status=503)
    ages = {name: round((now - at).total_seconds()) for name, at in signs.items() if at}
    told = {"tick": ages.get("tick"), "queue": ages.get("heartbeat"), "unread_for_a_minute": unread}
    return JsonResponse({"database": "ok", **told})


@cache
def _migrations() -> set[tuple[str, str]]:
    return set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _is_migrated() -> bool:
    """Say whether every migration of the code has been applied; newer ones, of a release that is coming, do no harm."""
    return _migrations() <= set(MigrationRecorder(connection).applied_migrations())
