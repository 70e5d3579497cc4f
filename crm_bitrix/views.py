"""The addresses that portals and monitoring systems call."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from crm_bitrix.application_events import take_event
from crm_bitrix.metrics import exposition
from integration import edge

FORM = "application/x-www-form-urlencoded"


@csrf_exempt
@require_POST
def portal_events(request: HttpRequest) -> HttpResponse:
    """Take one event of a portal.

    200 taken, or seen before · 400 no form · 403 not from a portal of ours · 405 no POST · 413 more than 1 MB ·
    415 another content type, or packed · 429 too many forged installations from there · 503 the database or the
    authorisation server is away.
    """
    if request.content_type != FORM or request.headers.get("Content-Encoding"):
        return HttpResponse(status=415)
    try:
        return HttpResponse(status=int(take_event(request.body, address=edge.address_of(request))))
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except DatabaseError:
        return HttpResponse(status=503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, for whoever brings `Authorization: Bearer <METRICS_TOKEN>`.

    404 without the token, or where none is set: nobody needs to know that there is something here.
    """
    token = settings.METRICS_TOKEN
    if not token or not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse(status=404)
    try:
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
    except DatabaseError:
        return HttpResponse(status=503)
