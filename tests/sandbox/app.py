"""Addresses of the sandbox."""

from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, request

from . import (
    control,
    media,
    methods_activity,
    methods_basic,
    methods_crm,
    methods_im,
    methods_lines,
    methods_telephony,
    oauth,
    page,
    rest,
    uis_call,
    uis_data,
)
from .methods_telephony import store_record
from .rest import as_json

if TYPE_CHECKING:
    from .world import Sandbox

IMPLEMENTED = (methods_activity, methods_basic, methods_crm, methods_im, methods_lines, methods_telephony)
BOTH = ("GET", "POST")


def make_app(sandbox: "Sandbox") -> Flask:
    """The WSGI application of a world."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _portal_routes(app, sandbox)
    _oauth_routes(app, sandbox)
    _uis_routes(app, sandbox)
    app.register_blueprint(control.make_blueprint(sandbox))
    app.register_blueprint(page.make_blueprint(sandbox))
    return app


def _portal_routes(app: Flask, sandbox: "Sandbox") -> None:
    @app.route("/portal/<slug>/rest/<path:name>", methods=BOTH)
    def portal_rest(slug: str, name: str) -> Response:
        return rest.serve(sandbox, _portal(sandbox, slug), name.rstrip("/"))

    @app.post("/portal/<slug>/upload/<token>/")
    def portal_upload(slug: str, token: str) -> Any:
        portal = _portal(sandbox, slug)
        kind = sandbox.faults.take(["upload"]) if sandbox.faults.rules else None
        file = request.files.get("file")
        with sandbox.lock:
            upload = portal.uploads.get(token)
            if upload is None or file is None or kind:
                return as_json(
                    {"error": "ERROR_CORE", "error_description": "Upload is not expected"}, 503 if kind else 400
                )
            del portal.uploads[token]
            answer = store_record(portal, upload["call_id"], upload["name"], file.read(), via="upload")
            sandbox.touch()
        return as_json({"result": answer}, 200)

    @app.get("/portal/<slug>/oauth/authorize/")
    def portal_authorize(slug: str) -> Response:
        return oauth.authorize(sandbox, _portal(sandbox, slug))


def _oauth_routes(app: Flask, sandbox: "Sandbox") -> None:
    # The server is <url>/oauth: like the real one it has oauth/token/ and rest/app.info below it.
    app.add_url_rule("/oauth/oauth/token/", "token", lambda: oauth.token(sandbox), methods=BOTH)
    app.add_url_rule("/oauth/token/", "token_", lambda: oauth.token(sandbox), methods=BOTH)
    app.add_url_rule(
        "/oauth/rest/app.info", "app_info", lambda: oauth.app_info(sandbox), methods=BOTH, strict_slashes=False
    )
    app.add_url_rule("/oauth/rest/app.info/", "app_info_", lambda: oauth.app_info(sandbox), methods=BOTH)

    @app.get("/oauth/authorize/")
    def authorize() -> Response:
        return oauth.authorize(sandbox, _portal(sandbox, request.args.get("portal", sandbox.portal.slug)))


def _uis_routes(app: Flask, sandbox: "Sandbox") -> None:
    @app.post("/uis/data/v2.0")
    def data_api() -> Response:
        return uis_data.serve(sandbox, uis_data.asked(sandbox), uis_data.answer)

    @app.post("/uis/call/v4.0")
    def call_api() -> Response:
        uis = uis_data.asked(sandbox)
        before = set(uis.dials)
        response = uis_data.serve(sandbox, uis, uis_call.answer)
        for number in set(uis.dials) - before if sandbox.plays_dials else ():
            sandbox.play("click_to_call", call_session_id=number, realtime=True, uis_key=uis.key)
        return response

    @app.get("/uis/media/<communication_id>/<record_id>", strict_slashes=False)
    def media_file(communication_id: str, record_id: str) -> Response:
        return media.serve(sandbox.faults.media)


def _portal(sandbox: "Sandbox", slug: str) -> Any:
    portal = sandbox.portals.get(slug)
    if portal is None:
        abort(404)
    return portal
