"""Whole pages: rendered in a language, with the headers that belong to them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from settings_ui.headers import NOBODY, secure
from settings_ui.refusals import Words


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    language: str = "",
    status: int = 200,
    framed_by: str = NOBODY,
    form_action: str = "'self'",
) -> HttpResponse:
    """Render a page. Without a language it is the one that is active."""
    with translation.override(language or translation.get_language()):
        page = render(
            request,
            f"settings_ui/{template}",
            {"language": translation.get_language(), **context},
            status=status,
        )
    return secure(page, framed_by=framed_by, form_action=form_action)


def explain(
    request: HttpRequest, words: Words, *, language: str = "ru", framed_by: str = NOBODY, again: str = ""
) -> HttpResponse:
    """A page that says what happened, what it means and what to do now. `again`: where to begin anew."""
    return show(
        request,
        "explain.html",
        {"words": words, "again": again},
        language=language,
        status=words.status,
        framed_by=framed_by,
    )
