"""The same three tabs for staff, opened from a credential's page in the admin: the same forms, the same save."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import translation

from integration.models import Credential
from integration.settings_document import AuthorKind
from settings_ui.pages import show
from settings_ui.screen import screen_context
from settings_ui.screen_person import Person
from settings_ui.sessions import CHANGE, VIEW, start_staff_session


def settings_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The tabs of a credential. 403 without the right to see credentials; who may not change them reads."""
    user = request.user
    may_change = user.has_perm(CHANGE)
    if not (may_change or user.has_perm(VIEW)):
        raise PermissionDenied
    found = Credential.objects.filter(portal__uninstalled_at__isnull=True, portal__isnull=False)
    credential = get_object_or_404(found.select_related("portal"), pk=pk)
    language = "en" if (translation.get_language() or "ru").startswith("en") else "ru"
    person = Person(AuthorKind.STAFF, user.pk, may_change, name=user.get_username())
    with translation.override(language):
        context = {
            **screen_context(credential, person),
            "portal": credential.portal,
            "token": start_staff_session(credential.portal, user, language=language),
        }
        return show(request, "staff.html", context)
