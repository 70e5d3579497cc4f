"""What a browser may do with our pages: nothing but what they need, and framed by their own portal only."""

from django.http import HttpResponse

NOBODY = "'none'"


def secure(response: HttpResponse, *, framed_by: str = NOBODY, form_action: str = "'self'") -> HttpResponse:
    """Set the security headers of a page. `framed_by`: the origin of the portal, written out with its port.

    No cookies, no inline code, no other origin. The page holds data of one user: no cache keeps it.
    """
    response["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            f"form-action {form_action}",
            "base-uri 'none'",
            f"frame-ancestors {framed_by}",
        )
    )
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if framed_by == NOBODY:
        response["X-Frame-Options"] = "DENY"
    else:
        # Django's middleware would write DENY, which browsers without frame-ancestors obey.
        response.xframe_options_exempt = True
        response.headers.pop("X-Frame-Options", None)
    return response
