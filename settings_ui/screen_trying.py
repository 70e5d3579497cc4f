"""Trying out the settings as they stand on the screen, on what really happened; nothing is sent and nothing is saved.

The rehearsal itself has an address of its own (`settings_ui.rehearsal_views`). Here are the events that it may be
played on, how many of the last ones a filter lets pass, and what a title makes of the last one.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext as _

from crm_bitrix import rulesets
from crm_bitrix.admin.journal import describe_kind, state_label
from crm_bitrix.admin.people import show_user, user_names
from crm_bitrix.known import load_known
from integration.admin.veil import Veil, client_names
from integration.models import Communication, Credential
from integration.rules.document_export import dump_settings
from integration.rules.document_text import write_json
from integration.rules.facts import Facts, StreamKind
from integration.rules.ruleset import CALLS
from integration.rules.settings_value import Settings
from integration.rules.titles import Title, parse_title
from integration.settings_document import read_document, read_settings
from settings_ui.headers import secure
from settings_ui.pages import show
from settings_ui.rehearsal_seen import count_passing, seen_facts
from settings_ui.screen import say_moment
from settings_ui.screen_asked import Asked
from settings_ui.screen_choices import options_of
from settings_ui.screen_edits import find, stream_of
from settings_ui.screen_form import BadForm, split_path
from settings_ui.screen_preview import preview

SHOWN_EVENTS = 50
LOOKED_AT = 20
"""Among so many of the last events one that ended as the title wants is looked for."""

MAX_TEMPLATE = 500


def show_events(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The panel: what happened last, and the forms to imagine something else."""
    credential = asked.credential
    rows = Communication.objects.filter(portal=credential.portal, credential=credential)
    rows = rows.defer("facts", "facts_rank", "trace").order_by("-started_at", "-pk")[:SHOWN_EVENTS]
    context = {
        "events": [(row.pk, _say_event(row, credential)) for row in rows],
        "channels": options_of(load_known(credential).channel_directory, None),
    }
    return show(request, "_try.html", context)


def show_passing(request: HttpRequest, asked: Asked) -> HttpResponse:
    """How many of the last events the filter on the screen lets pass; "" while the filter is wrong."""
    kind = stream_of(split_path(asked.text("at")))
    settings = _with_filter(asked, kind)
    if settings is None:
        return secure(JsonResponse({"text": ""}))
    found = count_passing(asked.credential, settings, kind)
    words = _("{passed} из последних {total} событий пройдут") if found.total else _("Событий ещё не было.")
    return secure(JsonResponse({"text": words.format(passed=found.passed, total=found.total)}))


def preview_title(request: HttpRequest, asked: Asked) -> HttpResponse:
    """What the title of the last real event of the stream would be – of one that ended so, if there is one –, else of
    an invented one. `about` says which."""
    try:
        kind = StreamKind(asked.text("stream"))
    except ValueError:
        raise BadForm("no such stream") from None
    text, language = asked.text("text")[: MAX_TEMPLATE + 1], (translation.get_language() or "ru")[:2]
    title, faults = parse_title(text, stream=kind, path="")
    event = None if faults else _last_event(asked.credential, kind, asked.text("result"))
    if event is None:
        return secure(JsonResponse({"title": preview(text, kind, language), "about": _("Пример")}))
    return secure(JsonResponse(_rendered(asked.credential, title, *event)))


def _rendered(credential: Credential, title: Title, row: Communication, facts: Facts) -> dict[str, str]:
    """A real client stays masked."""
    language = (translation.get_language() or "ru")[:2]
    shown = title.render(facts, zone=credential.zone, language=language)
    return {"title": Veil(names=tuple(client_names(row))).text(shown), "about": _say_event(row, credential)}


def _last_event(credential: Credential, kind: StreamKind, result: str) -> tuple[Communication, Facts] | None:
    ruleset = rulesets.build(credential, read_settings(credential))
    found = seen_facts(credential, ruleset, kind, last=LOOKED_AT)
    fitting = [one for one in found if one[1].get("result") == result]
    for row, facts in (fitting or found)[:1]:
        name = show_user(user_names(credential.portal), row.responsible_id) if row.responsible_id else ""
        return row, {**facts, "responsible_name": facts.get("responsible_name") or name}
    return None


def _say_event(row: Communication, credential: Credential) -> str:
    phone = Veil().phone(row.client_phone)
    parts: tuple[Any, ...] = (say_moment(row.started_at, credential), describe_kind(row), phone, state_label(row))
    return " · ".join(part for part in parts if part)


def _with_filter(asked: Asked, kind: StreamKind) -> Settings | None:
    """The stored settings with this filter of the screen, whatever else is wrong there; None for a wrong filter."""
    known, tab = load_known(asked.credential), "telephony" if kind in CALLS else "chats"
    document = dump_settings(read_settings(asked.credential), known=known)
    document[tab][kind.value]["filter"] = find(asked.document, (tab, kind.value, "filter"))
    return read_document(asked.credential, write_json(document), known=known).settings
