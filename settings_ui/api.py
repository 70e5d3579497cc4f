"""The addresses under `/api/` that staff and their scripts use."""

from collections.abc import Iterable, Mapping
from typing import IO, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm_bitrix.known import load_known
from integration.models import Credential
from integration.rules.document_text import MAX_BYTES
from integration.rules.faults import Fault
from integration.rules.known import Known
from integration.settings_document import AuthorKind, StaleRevision, export_document, read_document, save_settings
from settings_ui.shapes import DetailShape, DocumentShape, RefusalShape


class DocumentParser(BaseParser):
    """Leaves the body as it is: the settings document has stricter rules than JSON."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return stream.read(MAX_BYTES + 1)


class SettingsView(APIView):
    """The settings document of a credential; its `ETag` is the revision."""

    parser_classes = [DocumentParser]

    @extend_schema(responses={200: DocumentShape, 403: DetailShape, 404: DetailShape})
    def get(self, request: Request, uuid: UUID) -> Response:
        """Export: the present settings, every key written."""
        credential = get_object_or_404(Credential, uuid=uuid)
        return _answer(credential, load_known(credential))

    @extend_schema(
        parameters=[
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True, description='"<revision>"')
        ],
        request=DocumentShape,
        responses={
            200: DocumentShape,
            400: RefusalShape,
            **dict.fromkeys((403, 404, 412, 415, 428), DetailShape),
        },
    )
    def put(self, request: Request, uuid: UUID) -> Response:
        """Import: replaces all settings or nothing.

        `If-Match` names the revision the change starts from. 428 without it, 412 if somebody has saved since, 400 with
        everything that is wrong, else 200 with the new document. A document that changes nothing adds no revision.
        """
        credential = get_object_or_404(Credential, uuid=uuid)
        written = request.headers.get("If-Match")
        if written is None:
            detail = 'send the header If-Match: "<revision>" with the ETag of the document you have changed'
            return Response({"detail": detail}, status.HTTP_428_PRECONDITION_REQUIRED)
        if _etag(credential) not in parse_etags(written):
            return _stale(StaleRevision(credential.revision))
        known = load_known(credential)
        # An empty body is never parsed and arrives as an empty dict.
        text = request.data if isinstance(request.data, bytes) else b""
        parsed = read_document(credential, text, known=known)
        if parsed.settings is None:
            refusal = {"errors": _show(parsed.faults), "warnings": _show(parsed.warnings)}
            return Response(refusal, status.HTTP_400_BAD_REQUEST)
        try:
            save_settings(
                credential,
                parsed.settings,
                known=known,
                author_kind=AuthorKind.STAFF,
                author=request.user.get_username(),
                base_revision=credential.revision,
            )
        except StaleRevision as error:
            return _stale(error)
        return _answer(credential, known)


def _answer(credential: Credential, known: Known) -> Response:
    document = export_document(credential, known=known, now=timezone.now())
    return Response(document, headers={"ETag": _etag(credential)})


def _stale(error: StaleRevision) -> Response:
    return Response({"detail": str(error)}, status.HTTP_412_PRECONDITION_FAILED, headers={"ETag": f'"{error.present}"'})


def _etag(credential: Credential) -> str:
    return f'"{credential.revision}"'


def _show(faults: Iterable[Fault]) -> list[dict[str, str]]:
    return [{"path": fault.path, "message": fault.message} for fault in faults]
