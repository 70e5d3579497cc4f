"""What a request of the screen asks: JSON with the credential, the controls of the form as pairs, and the rest."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from integration.models import Credential, Portal
from integration.settings_document import AuthorKind
from settings_ui.access import FrameRequest, lets_staff, needs_admin, needs_session
from settings_ui.headers import secure
from settings_ui.models import FrameSession
from settings_ui.screen_form import BadForm, Pairs, read_form
from settings_ui.screen_person import Person


@dataclass(frozen=True)
class Asked:
    """One request of the screen: for which credential, of whom, what the form holds, and the rest of what was sent."""

    credential: Credential
    person: Person
    body: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """The document as it stands on the screen. Raises BadForm."""
        return read_form(_pairs(self.body.get("form")))

    def text(self, key: str) -> str:
        value = self.body.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        value = self.body.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, key: str) -> dict[str, str]:
        """A table of texts; what is none in it is left out."""
        value = self.body.get(key)
        given = value.items() if isinstance(value, dict) else ()
        return {name: text for name, text in given if isinstance(text, str)}


def read_pairs(text: str) -> Pairs:
    """The controls of a form that was sent as JSON. Raises BadForm."""
    return _pairs(_read_json(text))


def _pairs(given: Any) -> Pairs:
    if not isinstance(given, list) or not all(_is_pair(pair) for pair in given):
        raise BadForm("no form")
    return ((name, text) for name, text in given)


def _read_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadForm("not JSON") from None


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)


def read_asked(request: HttpRequest, portal: Portal, person: Person) -> Asked:
    """Read what was posted; the credential must be one of the portal's. Raises BadForm."""
    body = _read_json(request.body)
    if not isinstance(body, dict):
        raise BadForm("no object")
    try:
        found = Credential.objects.select_related("portal").get(portal=portal, uuid=UUID(str(body.get("credential"))))
    except (ValueError, Credential.DoesNotExist):
        raise BadForm("no such credential") from None
    return Asked(found, person, body)


def person_of(session: FrameSession) -> Person:
    """Who holds a session."""
    if session.staff is not None:
        return Person(AuthorKind.STAFF, session.user_id, session.is_admin, name=session.staff.get_username())
    return Person(AuthorKind.BITRIX, session.user_id, session.is_admin)


View = Callable[[FrameRequest, Asked], HttpResponse]


def _reads(view: View) -> Callable[[FrameRequest], HttpResponse]:
    """Give a view what the form asks for; whatever in it cannot be read is refused in words."""

    @lets_staff
    @wraps(view)
    def read(request: FrameRequest) -> HttpResponse:
        session = request.session_of_frame
        person = person_of(session)
        try:
            return view(request, read_asked(request, session.portal, person))
        except BadForm as error:
            return secure(HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8"))

    return read


def for_everybody(view: View) -> Callable[..., HttpResponse]:
    """A view of the screen that only reads. A BadForm it raises is answered with 400."""
    return needs_session(require_POST(_reads(view)))


def for_admins(view: View) -> Callable[..., HttpResponse]:
    """A view of the screen that changes something, or plays with what is typed. A BadForm is answered with 400."""
    return needs_admin(require_POST(_reads(view)))
