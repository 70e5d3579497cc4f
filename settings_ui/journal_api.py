"""The journal for staff and their scripts: `/api/credentials/<uuid>/communications/`."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integration.admin.veil import Veil, client_names
from integration.models import Communication, Credential
from settings_ui import journal
from settings_ui.shapes import DetailShape

FILTERS = ("since", "till", "kind", "direction", "state", "number", "employee")


class CommunicationShape(serializers.Serializer):
    """A communication; the number is masked, `reason` as it is stored."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    direction = serializers.CharField()
    uis_id = serializers.CharField()
    client_phone = serializers.SerializerMethodField()
    state = serializers.CharField()
    reason = serializers.SerializerMethodField()
    responsible_id = serializers.IntegerField(allow_null=True)
    responsible_name = serializers.CharField(allow_null=True)
    crm_object = serializers.CharField()
    attempts = serializers.IntegerField()
    revision = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)

    def get_client_phone(self, row: Communication) -> str:
        return Veil().phone(row.client_phone)

    def get_reason(self, row: Communication) -> str:
        return Veil(names=tuple(client_names(row))).text(row.reason)


class JournalShape(serializers.Serializer):
    """A page of the journal; `next` is the address of the next one, null on the last."""

    next = serializers.URLField(allow_null=True)
    results = CommunicationShape(many=True)


class CommunicationsView(APIView):
    """The communications of a credential, newest first."""

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in (*FILTERS, "cursor")],
        responses={200: JournalShape, 403: DetailShape, 404: DetailShape},
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """A page. `since` and `till` are days (YYYY-MM-DD, both included), `number` a phone or its last digits.

        Follow `next`: a page starts where the last row stood, so nothing is shown twice while new rows come.
        """
        credential = get_object_or_404(Credential.objects.select_related("portal"), uuid=uuid)
        if credential.portal is None:
            return Response({"next": None, "results": []})
        wanted = journal.read_wanted(request.query_params)
        rows = journal.find(credential.portal, wanted).filter(credential=credential)
        page = journal.read_page(rows, cursor=request.query_params.get("cursor", "")[:60])
        return Response({"next": _next(request, page.cursor), "results": CommunicationShape(page.rows, many=True).data})


def _next(request: Request, cursor: str) -> str | None:
    if not cursor:
        return None
    query: dict[str, Any] = {name: request.query_params[name] for name in FILTERS if name in request.query_params}
    return request.build_absolute_uri(f"{request.path}?{urlencode({**query, 'cursor': cursor})}")
