"""Control over HTTP, for tests that run in another process: `POST /control/<command>` with a JSON object.

| command | body | answer |
|---|---|---|
| connection (also GET) | slug, uis_key | what the product needs to connect |
| account | key, events_url, route_url | {}; opens another UIS account |
| events_url | events_url, route_url, product_url, app_url | {} |
| play, tell | kind, realtime and the wishes of `stories.tell` | id, bodies, statuses |
| post | id, order | statuses |
| fault | kind, n (absent = always), match, portal, side ("portal" or "uis") | state |
| faults | any switch of `Faults`, side | state |
| poison | text | state |
| clear | side | state |
| tokens | user_id | a pair |
| expire_tokens, revoke_tokens, install (url), uninstall (clean, url), clear_log | | |
| event | event, data, user_id, url | statuses |
| click | phone, user_id, line | CALL_ID |
| callback_form | phone, line | data of the event |
| frame | user_id, placement | query and body of a frame request |
| mode | leads_on | {} |
| item | type_id, fields | item |
| chat | type_id, id | CHAT_ID |
| users | n | {} |
| limits | leak_per_second, bucket_size, bucket (what is in it), operating_limit, minute_limit, day_limit | {} |
| reset | | everything as at the start |
| state (also GET) | | counts, items, activities, notifications, cards, requests, faults |
| commands (also GET, ?method=) | method | list of commands with parameters and answers |
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, jsonify, request

from . import faults as faults_module
from .methods_im import add_chat
from .oauth import pair
from .stories import Story

if TYPE_CHECKING:
    from .world import Sandbox

Body = dict[str, Any]
LIMITS = {
    "leak_per_second": "portal",
    "bucket_size": "portal",
    "operating_limit": "portal",
    "bucket": "portal",
    "minute_limit": "uis",
    "day_limit": "uis",
}


def make_blueprint(sandbox: "Sandbox") -> Blueprint:
    """Routes of the control."""
    blueprint = Blueprint("control", __name__)

    @blueprint.route("/control/<command>", methods=("GET", "POST"))
    def control(command: str) -> Response:
        action = COMMANDS.get(command)
        if action is None:
            abort(404, f"unknown command; one of {', '.join(COMMANDS)}")
        body = {**request.args.to_dict(), **(request.get_json(silent=True) or {})}
        try:
            answer = action(sandbox, body)
        except (ValueError, KeyError, TypeError) as error:
            response = jsonify({"error": f"{type(error).__name__}: {error}"})
            response.status_code = 400
            return response
        sandbox.touch()
        return jsonify(answer)

    return blueprint


def describe(story: Story) -> Body:
    """A story for the outside."""
    names = ("kind", "id", "phone", "call_session_id", "chat_id", "offline_message_id", "external_id", "is_over")
    return {name: getattr(story, name) for name in names} | {"bodies": story.bodies, "statuses": story.statuses}


def state(sandbox: "Sandbox", body: Body) -> Body:
    """Everything a test may want to look at."""
    portal = sandbox.portal
    return {
        "counts": portal.counts(),
        "items": {
            str(type_id): [portal.crm.answer(one) for one in rows.values()]
            for type_id, rows in portal.crm.items.items()
        },
        "activities": [_plain(row) for row in portal.crm.activities.values()],
        "timeline": list(portal.crm.timeline.values()),
        "notifications": portal.notifications,
        "statistics": list(portal.telephony.statistics.values()),
        "calls": [asdict(call) for call in portal.telephony.calls.values()],
        "cards": [{"call_id": call_id, "user_id": user_id} for call_id, user_id in portal.telephony.cards],
        "lines": list(portal.telephony.lines.values()),
        "handlers": portal.handlers,
        "placements": portal.placements,
        "chats": list(portal.chats.values()),
        "max_concurrent": portal.max_concurrent,
        "requests": [record.row() for record in list(portal.requests)],
        "stories": [describe(story) | {"cost": portal.cost(story.id)} for story in sandbox.stories],
        "deliveries": sandbox.uis.deliveries,
        "events_sent": portal.events_sent,
        "faults": sandbox.faults.state(),
        "slips": sandbox.slips,
    }


def _commands(sandbox: "Sandbox", body: Body) -> list[Body]:
    return [asdict(one) for one in sandbox.portal.commands(body.get("method"))]


def _events_url(sandbox: "Sandbox", body: Body) -> Body:
    for name in ("events_url", "route_url"):
        if name in body:
            setattr(sandbox.uis, name, body[name])
    sandbox.product_url = body.get("product_url", sandbox.product_url)
    sandbox.portal.app_url = body.get("app_url", sandbox.portal.app_url)
    return {}


def _account(sandbox: "Sandbox", body: Body) -> Body:
    uis = sandbox.add_account(str(body["key"]))
    uis.events_url, uis.route_url = body.get("events_url", ""), body.get("route_url", "")
    return {}


def _play(sandbox: "Sandbox", body: Body) -> Body:
    return describe(sandbox.play(body.pop("kind"), **body))


def _tell(sandbox: "Sandbox", body: Body) -> Body:
    return describe(sandbox.tell(body.pop("kind"), **body))


def _post(sandbox: "Sandbox", body: Body) -> Body:
    story = next(one for one in sandbox.stories if one.id == str(body["id"]))
    return {"statuses": story.post(body.get("order"))}


def _side(sandbox: "Sandbox", body: Body) -> faults_module.Faults:
    return sandbox.uis.faults if body.get("side") == "uis" else sandbox.faults


def _fault(sandbox: "Sandbox", body: Body) -> Body:
    side = _side(sandbox, body)
    if body.get("n") is None:
        side.fail_always(body["kind"], match=body.get("match"), portal=body.get("portal"))
    else:
        side.fail_next(int(body["n"]), body["kind"], match=body.get("match"), portal=body.get("portal"))
    return side.state()


def _switches(sandbox: "Sandbox", body: Body) -> Body:
    side = _side(sandbox, body)
    for name, value in body.items():
        if name in faults_module.SETTINGS:
            kind = type(getattr(side, name))
            setattr(side, name, kind(value))
        elif name == "seconds_by_method":
            side.seconds_by_method = {key.lower(): float(cost) for key, cost in value.items()}
        elif name != "side":
            raise ValueError(f"unknown switch {name!r}")
    return side.state()


def _poison(sandbox: "Sandbox", body: Body) -> Body:
    sandbox.faults.poison(str(body["text"]))
    return sandbox.faults.state()


def _clear(sandbox: "Sandbox", body: Body) -> Body:
    _side(sandbox, body).clear()
    return _side(sandbox, body).state()


def _tokens(sandbox: "Sandbox", body: Body) -> Body:
    with sandbox.lock:
        return pair(sandbox.portal, sandbox.portal.issue_tokens(int(body.get("user_id", 1))))


def _limits(sandbox: "Sandbox", body: Body) -> Body:
    for name, value in body.items():
        owner = sandbox.portal if LIMITS[name] == "portal" else sandbox.uis
        setattr(owner, name, float(value) if owner is sandbox.portal else int(value))
    return {}


def _mode(sandbox: "Sandbox", body: Body) -> Body:
    sandbox.portal.leads_on = bool(body["leads_on"])
    return {}


def _item(sandbox: "Sandbox", body: Body) -> Body:
    crm = sandbox.portal.crm
    with sandbox.lock:
        return crm.answer(crm.add(int(body["type_id"]), body["fields"]))


def _event(sandbox: "Sandbox", body: Body) -> Body:
    user_id, url = int(body.get("user_id", 1)), body.get("url")
    return {"statuses": sandbox.send_event(body["event"], body.get("data"), user_id=user_id, url=url)}


def _click(sandbox: "Sandbox", body: Body) -> Body:
    line, user_id = body.get("line", ""), int(body.get("user_id", 12))
    return {"CALL_ID": sandbox.click_to_call(phone=body["phone"], user_id=user_id, line=line)}


def _nothing(act: Callable[["Sandbox", Body], Any]) -> Callable[["Sandbox", Body], Body]:
    def run(sandbox: "Sandbox", body: Body) -> Body:
        with sandbox.lock:
            act(sandbox, body)
        return {}

    return run


def _plain(row: Body) -> Body:
    return {key: value for key, value in row.items() if key not in ("_created",)}


COMMANDS: dict[str, Callable[["Sandbox", Body], Any]] = {
    "connection": lambda sandbox, body: sandbox.connection(body.get("slug"), uis_key=body.get("uis_key")),
    "account": _account,
    "events_url": _events_url,
    "play": _play,
    "tell": _tell,
    "post": _post,
    "fault": _fault,
    "faults": _switches,
    "poison": _poison,
    "clear": _clear,
    "tokens": _tokens,
    "expire_tokens": _nothing(lambda sandbox, body: sandbox.portal.expire_tokens()),
    "revoke_tokens": _nothing(lambda sandbox, body: sandbox.portal.revoke_tokens()),
    "clear_log": _nothing(lambda sandbox, body: sandbox.portal.clear_log()),
    "users": _nothing(lambda sandbox, body: sandbox.portal.add_users(int(body["n"]))),
    "reset": _nothing(lambda sandbox, body: sandbox.reset()),
    "install": lambda sandbox, body: {"statuses": sandbox.install(body["url"])},
    "uninstall": lambda sandbox, body: {
        "statuses": sandbox.uninstall(clean=bool(body.get("clean")), url=body.get("url"))
    },
    "event": _event,
    "click": _click,
    "callback_form": lambda sandbox, body: sandbox.callback_form(phone=body["phone"], line=body.get("line", "")),
    "frame": lambda sandbox, body: sandbox.frame(
        user_id=int(body.get("user_id", 1)), placement=body.get("placement", "DEFAULT")
    ),
    "mode": _mode,
    "item": _item,
    "chat": lambda sandbox, body: {"CHAT_ID": add_chat(sandbox.portal, (int(body["type_id"]), int(body["id"])))},
    "limits": _limits,
    "state": state,
    "commands": _commands,
}
