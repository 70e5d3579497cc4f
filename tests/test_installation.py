"""The life of the application on a portal: installed both ways, updated, moved, on hold, mended, removed."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core import signing
from django.test import Client

from crm_bitrix import events, holds, installation, tokens
from crm_bitrix.actions import Command
from crm_bitrix.client import Client as PortalClient
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.models import BitrixItem, RequestLog
from integration.models import Communication, Credential, InboxEvent, Lane, Portal
from settings_ui import connect
from settings_ui.models import FrameSession
from tests.frame_posts import APP, INSTALL, ancestors, listener, open_frame, token_of
from tests.sandbox.outbox import event_form

EVENTS = "/bitrix24/events/"
FORM = "application/x-www-form-urlencoded"


class Service:
    """A service that knows no portal yet, and the world around it."""

    def __init__(self, sandbox, clock, bells):
        self.sandbox, self.clock, self.bells, self.client = sandbox, clock, bells, Client()

    def open(self, path=APP, **spoilt):
        return open_frame(self.client, self.sandbox, path, **spoilt)

    def install(self):
        answer = self.open(INSTALL)
        assert answer.status_code == 200, answer.content.decode()
        return Portal.objects.get()

    def tell(self, name, data=None, **changes):
        """Deliver an event; `changes` replace fields of its `auth`."""
        form = event_form(self.sandbox.portal, name, data or {})
        form |= {f"auth[{key}]": value for key, value in changes.items()}
        return self.client.post(EVENTS, data=urlencode(form), content_type=FORM).status_code


@pytest.fixture
def service(transactional_db, settings, sandbox, clock, bells):
    told = sandbox.connection()
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1/128"]
    settings.BITRIX24_CLIENT_ID = told["client_id"]
    settings.BITRIX24_CLIENT_SECRET = told["client_secret"]
    settings.BITRIX24_OAUTH_URLS = [told["oauth_url"]]
    settings.UIS_DATA_API_URL = told["uis"]["data_api_url"]
    settings.UIS_CALL_API_URL = told["uis"]["call_api_url"]
    return Service(sandbox, clock, bells)


def bound(service):
    return sorted(row["event"] for row in service.sandbox.portal.handlers)


# --- from the market: the installer page


def test_installer_stores_binds_and_opens_the_checklist(service):
    answer = service.open(INSTALL)
    page = answer.content.decode()
    portal, world = Portal.objects.get(), service.sandbox.portal
    assert answer.status_code == 200
    assert " data-installer" in page
    assert "Подключить UIS" in page
    assert (portal.member_id, portal.domain, portal.token_user_id) == (world.member_id, world.domain, 1)
    assert portal.application_token == world.application_token
    assert world.tokens[portal.access_token].refresh == portal.refresh_token
    assert bound(service) == sorted(events.BOUND)
    assert {row["handler"] for row in world.handlers} == {"http://127.0.0.1:8000/bitrix24/events/"}
    assert [row["placement"] for row in world.placements] == ["REST_APP_URI"]
    assert {lane.name for lane in Lane.objects.all()} >= {portal.live_lane, portal.bulk_lane}
    credential = Credential.objects.get()
    assert (credential.portal, credential.uis_key) == (portal, "")
    assert FrameSession.objects.get().is_admin


def test_everything_is_bound_in_one_request(service):
    service.install()
    assert [record.method for record in service.sandbox.portal.requests] == ["profile", "batch"]


@pytest.mark.parametrize(
    ("told", "zone"),
    [("Asia/Vladivostok", "Asia/Vladivostok"), ("", "Europe/Moscow"), ("../../etc/passwd", "Europe/Moscow")],
)
def test_times_are_shown_in_the_zone_of_whoever_has_connected_the_portal(service, told, zone):
    users = service.sandbox.portal.users
    users[1]["TIME_ZONE"] = told
    assert service.install().time_zone == zone
    users[1]["TIME_ZONE"] = users[12]["TIME_ZONE"] = "Asia/Omsk"
    assert service.open(APP, user_id=12).status_code == 200
    assert Portal.objects.get().time_zone == zone
    assert service.open(APP, user_id=1).status_code == 200
    assert Portal.objects.get().time_zone == "Asia/Omsk"


def test_installer_is_for_administrators(service):
    answer = service.open(INSTALL, user_id=12)
    assert answer.status_code == 403
    assert "только администратор" in answer.content.decode()
    assert not Portal.objects.exists()


def test_ordinary_user_of_a_portal_without_installation_is_told_whom_to_ask(service):
    answer = service.open(APP, user_id=12)
    assert answer.status_code == 403
    assert "не установлено" in answer.content.decode()
    assert not Portal.objects.exists()


def test_administrator_who_opens_the_application_first_installs_it(service):
    assert service.open(APP).status_code == 200
    assert Portal.objects.get().refresh_token
    assert bound(service) == sorted(events.BOUND)


def test_reinstalling_keeps_one_portal_and_one_set_of_bindings(service):
    first = service.install()
    first_token = first.access_token
    again = service.install()
    assert again.pk == first.pk
    assert again.access_token != first_token
    assert again.token_version > first.token_version
    assert bound(service) == sorted(events.BOUND)
    assert len(service.sandbox.portal.placements) == 1
    assert Credential.objects.count() == 1


def test_portal_that_does_not_answer_the_binding_gets_no_finished_installation(service):
    service.sandbox.faults.fail_next(1, "html", match="event.bind")
    answer = service.open(INSTALL)
    assert answer.status_code == 503
    assert "data-installer" not in answer.content.decode()
    assert ancestors(answer) == f"http://{service.sandbox.portal.domain}"
    service.open(APP)
    assert bound(service) == sorted(events.BOUND)


def test_bindings_that_another_request_makes_this_moment_are_no_problem(service):
    portal = service.install()
    world = service.sandbox.portal
    world.placements.append({**world.placements[0], "handler": "http://127.0.0.1:8000/old/"})
    assert installation.bind(portal) == ()
    assert [row["handler"] for row in world.placements] == ["http://127.0.0.1:8000/bitrix24/placement/REST_APP_URI/"]
    assert installation.bind(portal) == ()


def test_missing_right_is_shown_and_does_not_stop_the_installation(service):
    service.sandbox.portal.scopes = ("crm", "user_basic")
    page = service.open(INSTALL)
    assert page.status_code == 200
    assert "Приложению не хватает прав" in page.content.decode()
    assert "event.bind" not in page.content.decode()


def test_tokens_of_ordinary_users_are_never_stored(service):
    portal = service.install()
    kept = portal.refresh_token
    assert service.open(APP, user_id=12).status_code == 200
    assert service.open(APP, user_id=1).status_code == 200
    portal.refresh_from_db()
    assert (portal.refresh_token, portal.token_user_id) == (kept, 1)


def test_ordinary_user_cannot_teach_the_secret_of_the_events(service):
    service.install()
    Portal.objects.update(application_token="")
    assert service.open(APP, user_id=12, body={"APPLICATION_TOKEN": "1" * 32}).status_code == 200
    assert Portal.objects.get().application_token == ""
    assert service.tell("ONAPPUNINSTALL", {"CLEAN": 1}, application_token="1" * 32) == 403
    assert service.open(APP, user_id=1).status_code == 200
    assert Portal.objects.get().application_token == service.sandbox.portal.application_token


def test_lost_bindings_are_bound_again_when_an_administrator_comes(service):
    service.install()
    service.sandbox.portal.handlers.clear()
    assert service.open(APP).status_code == 200
    assert bound(service) == sorted(events.BOUND)


# --- ONAPPINSTALL, ONAPPUPDATE


@pytest.mark.fault(16)
@pytest.mark.parametrize("order", ["event", "event event", "event page", "page event", "page event event"])
def test_install_event_and_installer_page_in_any_order_make_one_portal(service, order):
    for step in order.split():
        if step == "page":
            service.install()
        else:
            assert service.tell("ONAPPINSTALL", {"VERSION": 1, "LANGUAGE_ID": "ru"}) == 200
    portal = Portal.objects.get()
    newest = list(service.sandbox.portal.tokens)[-1]
    assert portal.access_token == newest
    assert portal.application_token == service.sandbox.portal.application_token
    assert bound(service) == sorted(events.BOUND)
    assert len(service.sandbox.portal.placements) == 1
    assert Credential.objects.count() == 1


@pytest.mark.fault(17)
@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE"])
@pytest.mark.parametrize(
    "forged",
    [
        {"access_token": "f" * 64, "refresh_token": "e" * 64},
        {"access_token": "f" * 64, "refresh_token": "e" * 64, "application_token": "0" * 32},
        {"access_token": "", "application_token": "0" * 32},
        {"access_token": "я" * 64},
        {"access_token": "f" * 64, "server_endpoint": "https://evil.example/rest/"},
    ],
)
def test_forged_install_event_overwrites_nothing(service, name, forged, caplog):
    portal = service.install()
    before = (portal.access_token, portal.refresh_token, portal.application_token, portal.client_endpoint)
    assert service.tell(name, {"VERSION": 2}, **forged) == 403
    portal.refresh_from_db()
    assert (portal.access_token, portal.refresh_token, portal.application_token, portal.client_endpoint) == before
    assert "f" * 64 not in caplog.text


@pytest.mark.fault(17)
def test_install_event_with_a_token_of_another_portal_is_refused(service):
    portal = service.install()
    other = service.sandbox.add_portal("beta")
    pair = other.issue_tokens()
    assert service.tell("ONAPPINSTALL", access_token=pair.access, refresh_token=pair.refresh) == 403
    before = portal.refresh_token
    portal.refresh_from_db()
    assert portal.refresh_token == before


def test_install_event_of_an_ordinary_user_is_refused(service):
    pair = service.sandbox.portal.issue_tokens(12)
    assert service.tell("ONAPPINSTALL", access_token=pair.access, refresh_token=pair.refresh) == 403
    assert not Portal.objects.exists()


def test_install_event_is_put_off_when_nobody_can_vouch_for_it(service):
    service.sandbox.faults.fail_next(1, "html", match="oauth.app.info")
    assert service.tell("ONAPPINSTALL") == 503
    assert not Portal.objects.exists()


def test_update_brings_a_new_secret_and_binds_again(service):
    portal = service.install()
    world = service.sandbox.portal
    world.handlers.clear()
    world.placements.clear()
    world.application_token = "5" * 32
    assert service.tell("ONAPPUPDATE", {"VERSION": "2", "PREVIOUS_VERSION": "1"}) == 200
    portal.refresh_from_db()
    assert portal.application_token == "5" * 32
    assert bound(service) == sorted(events.BOUND)
    assert service.tell("ONAPPTEST") == 200
    assert service.tell("ONAPPTEST", application_token="4" * 32) == 403


# --- removed


def fill(service):
    """A portal with everything that belongs to a tenant."""
    portal = service.install()
    answer = service.client.post(
        "/bitrix24/app/uis-key/",
        {"brand": "uis", "key": service.sandbox.uis.key},
        headers={"x-app-session": token_of(service.open(APP))},
    )
    assert answer.status_code == 200
    credential = Credential.objects.get()
    Communication.objects.create(portal=portal, credential=credential, kind="call", uis_id="1")
    BitrixItem.objects.create(portal=portal, kind="user", code="1", name="Мария Орлова")
    BitrixItem.objects.create(portal=portal, kind="source", code="CALL", name="Звонок")
    InboxEvent.objects.create(channel=credential.channel, source="uis", dedupe_key="1", body=b"x")
    assert service.tell("ONEXTERNALCALLSTART", {"CALL_ID": "1"}) == 200
    return portal, credential


@pytest.mark.fault(18)
def test_removal_without_cleaning_keeps_settings_only(service):
    portal, credential = fill(service)
    assert service.tell("ONAPPUNINSTALL", {"CLEAN": 0}) == 200
    portal.refresh_from_db()
    assert portal.uninstalled_at
    assert (portal.access_token, portal.refresh_token, portal.application_token) == ("", "", "")
    assert portal.token_user_id is None
    assert not FrameSession.objects.exists()
    assert not BitrixItem.objects.filter(kind="user").exists()
    assert not InboxEvent.objects.filter(channel=f"b24:{portal.pk}").exists()
    assert Credential.objects.get() == credential
    assert credential.streams.count() == 4
    assert Communication.objects.count() == 1
    assert service.tell("ONAPPUNINSTALL", {"CLEAN": 1}) == 403  # the secret is gone with the installation
    assert Portal.objects.exists()


@pytest.mark.fault(18)
def test_removal_with_cleaning_leaves_nothing(service):
    portal, _ = fill(service)
    other = Portal.objects.create(member_id="b" * 32, domain="b.example", client_endpoint="https://b.example/rest/")
    kept = Credential.objects.create(portal=other, name="Другой")
    InboxEvent.objects.create(channel=kept.channel, source="uis", dedupe_key="1", body=b"x")
    Lane.objects.create(name=other.live_lane)
    assert service.tell("ONAPPUNINSTALL", {"CLEAN": 1}) == 200
    assert list(Portal.objects.all()) == [other]
    assert list(Credential.objects.all()) == [kept]
    assert [event.channel for event in InboxEvent.objects.all()] == [kept.channel]
    assert [lane.name for lane in Lane.objects.all()] == [other.live_lane]
    for model in (Communication, BitrixItem, RequestLog, FrameSession):
        assert not model.objects.exists(), model
    assert portal.pk != other.pk


@pytest.mark.fault(18)
@pytest.mark.parametrize("clean", [0, 1])
def test_installing_after_a_removal_works(service, clean):
    fill(service)
    assert service.tell("ONAPPUNINSTALL", {"CLEAN": clean}) == 200
    service.sandbox.uninstall(clean=bool(clean), url="http://127.0.0.1:9/")
    service.sandbox.portal.installed = True
    portal = service.install()
    assert portal.uninstalled_at is None
    assert portal.refresh_token
    assert bound(service) == sorted(events.BOUND)
    assert bool(Credential.objects.get().uis_key) is (clean == 0)
    assert service.tell("ONEXTERNALCALLSTART", {"CALL_ID": "2"}) == 200


# --- moved


@pytest.mark.fault(36)
def test_renamed_portal_is_found_at_its_new_address(service):
    portal = service.install()
    old = portal.client_endpoint
    service.sandbox.portal.rename("localhost")
    client = PortalClient(portal)
    with pytest.raises(PortalError) as told:
        client.call(Command("server.time"))
    assert told.value.cause == Cause.MOVED
    installation.follow_move(portal, str(told.value))
    assert portal.client_endpoint == service.sandbox.portal.client_endpoint != old
    assert client.call(Command("server.time"))
    assert Portal.objects.get().domain == service.sandbox.portal.domain
    page = service.open(APP)
    both = f"http://{service.sandbox.portal.domain} http://{portal.previous_domain}"
    assert (page.status_code, ancestors(page)) == (200, both)


@pytest.mark.fault(36)
def test_page_that_stood_open_when_a_portal_was_renamed_may_name_the_old_address_for_a_day(service):
    old = service.install().domain
    service.sandbox.portal.rename("localhost")

    def open_late():
        named = {"query": {"DOMAIN": old}, "headers": {"origin": f"http://{old}"}}
        return service.open(APP, **named).status_code

    assert service.open(APP).status_code == 200
    assert open_late() == 200
    service.clock.shift(timedelta(hours=25))
    assert open_late() == 403


@pytest.mark.fault(36)
def test_move_is_followed_with_a_token_that_has_expired(service):
    portal = service.install()
    service.sandbox.portal.rename("localhost")
    service.sandbox.portal.expire_tokens()
    installation.follow_move(portal)
    assert portal.client_endpoint == service.sandbox.portal.client_endpoint
    assert PortalClient(portal).call(Command("server.time"))


@pytest.mark.fault(36)
def test_redirect_that_nobody_confirms_is_not_followed(service):
    portal = service.install()
    with listener() as (domain, heard), pytest.raises(PortalError) as told:
        installation.follow_move(portal, f"http://{domain}/rest/server.time")
    assert told.value.cause == Cause.DOWN
    assert heard == []
    service.sandbox.faults.fail_next(1, "html", match="oauth.app.info")
    with pytest.raises(PortalError) as told:
        installation.follow_move(portal)
    assert told.value.cause == Cause.DOWN
    portal.refresh_from_db()
    assert portal.domain == service.sandbox.portal.domain


def test_opening_a_renamed_portal_notes_its_new_address(service):
    service.install()
    service.sandbox.portal.rename("localhost")
    page = service.open(APP)
    assert page.status_code == 200
    assert Portal.objects.get().client_endpoint == service.sandbox.portal.client_endpoint


# --- on hold and mended


def trouble(product, kind):
    """Spoil the portal as `kind` says and return what mends it outside."""
    world = product.sandbox.portal
    if kind == "dismissed":
        world.add_user(2, "Иван", "Уволенный", ADMIN=True)
        pair = world.issue_tokens(2)
        tokens.save_tokens(product.portal, {"access_token": pair.access, "refresh_token": pair.refresh})
        Portal.objects.update(token_user_id=2)
        world.users[2]["ACTIVE"] = False
        return lambda: None
    if kind == "unpaid":
        world.is_paid = False
        return lambda: setattr(world, "is_paid", True)
    world.revoke_tokens()
    return lambda: None


@pytest.mark.fault(33)
@pytest.mark.parametrize("kind", ["dismissed", "unpaid", "dead pair"])
def test_portal_on_hold_resumes_its_queue_when_an_administrator_comes(product, kind):
    world = product.sandbox.portal
    mend = trouble(product, kind)
    story = product.play("answered_call", client_phone="79001112233")
    product.portal.refresh_from_db()
    assert product.portal.hold_reason
    attempts = product.call(story).attempts
    product.pass_time(3600)
    assert world.counts()["calls"] == 0
    mend()
    page = open_frame(product.client, product.sandbox)
    assert page.status_code == 200, page.content.decode()
    product.portal.refresh_from_db()
    assert (product.portal.hold_reason, product.portal.token_user_id) == ("", 1)
    for _ in range(10):
        product.pass_time(5)
    assert world.counts()["calls"] == 1
    assert product.call(story).attempts == attempts == 0


@pytest.mark.fault(33)
def test_ordinary_user_does_not_mend_a_portal_and_is_told_whom_to_ask(product):
    holds.hold(product.portal, PortalError(Cause.HOLD, "authorization_error"))
    page = open_frame(product.client, product.sandbox, user_id=12)
    assert page.status_code == 200
    assert "Попросите администратора" in page.content.decode()
    product.portal.refresh_from_db()
    assert product.portal.hold_reason


@pytest.mark.fault(33)
def test_unpaid_portal_resumes_by_its_payment_event_and_by_the_daily_look(product):
    world = product.sandbox.portal
    world.is_paid = False
    holds.hold(product.portal, PortalError(Cause.HOLD, "PAYMENT_REQUIRED"))

    def paid():
        form = urlencode(event_form(world, "ONAPPPAYMENT", {"STATUS": "S", "PAYMENT_EXPIRED": "N"}))
        return product.client.post(EVENTS, data=form, content_type=FORM).status_code

    assert paid() == 200
    assert installation.probe_held_portals() == 0
    product.portal.refresh_from_db()
    assert product.portal.hold_reason
    world.is_paid = True
    assert paid() == 200
    product.portal.refresh_from_db()
    assert product.portal.hold_reason == ""
    holds.hold(product.portal, PortalError(Cause.HOLD, "PAYMENT_REQUIRED"))
    assert installation.probe_held_portals() == 1
    product.portal.refresh_from_db()
    assert product.portal.hold_reason == ""


# --- from the UIS side


def begin(service, address=None, name="Отдел продаж"):
    address = address or service.sandbox.url
    return service.client.get("/connect/", {"name": name, "portal": address})


def state_of(answer):
    return parse_qs(urlsplit(answer["Location"]).query)["state"][0]


def test_connection_from_the_uis_side_ends_in_the_application(service):
    answer = begin(service)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{service.sandbox.url}/oauth/authorize/?client_id=local.sandbox&state=")
    code = service.sandbox.portal.issue_code(1)
    done = service.client.get("/bitrix24/oauth/", {"code": code, "state": state_of(answer), "domain": "evil.example"})
    assert done.status_code == 302
    assert done["Location"] == f"http://{service.sandbox.portal.domain}/marketplace/view/local.sandbox/"
    portal = Portal.objects.get()
    assert (portal.domain, portal.token_user_id) == (service.sandbox.portal.domain, 1)
    assert Credential.objects.get().name == "Отдел продаж"
    assert bound(service) == sorted(events.BOUND)
    assert service.open(APP).status_code == 200
    portal.refresh_from_db()
    assert portal.application_token == service.sandbox.portal.application_token


def test_consent_that_comes_back_to_the_application_is_sent_to_the_exchange(service):
    answer = service.client.get(APP, {"code": "c", "state": "s"})
    assert (answer.status_code, answer["Location"]) == (302, "/bitrix24/oauth/?code=c&state=s")


def test_connecting_twice_makes_no_second_portal(service):
    for _ in range(2):
        state = state_of(begin(service))
        code = service.sandbox.portal.issue_code(1)
        assert service.client.get("/bitrix24/oauth/", {"code": code, "state": state}).status_code == 302
    assert (Portal.objects.count(), Credential.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("address", "scheme", "domain"),
    [
        ("acme.bitrix24.ru", "https", "acme.bitrix24.ru"),
        (" https://Acme.Bitrix24.ru/company/?a=1#x ", "https", "acme.bitrix24.ru"),
        ("http://crm.local:8080/", "http", "crm.local:8080"),
        ("crm.company.ru:8443", "https", "crm.company.ru:8443"),
        ("портал.рф", "https", "xn--80awhdgm.xn--p1ai"),
    ],
)
def test_pasted_address_is_understood(address, scheme, domain):
    assert connect.read_address(address) == connect.Address(scheme, domain)


@pytest.mark.parametrize(
    "address",
    ["", "моя компания", "user@evil.com", "ftp://acme.ru", "javascript:alert(1)", "acme", "a" * 400, "*.bitrix24.ru",
     "acme.ru:99999", "acme.ru\r\nX: 1", "//acme.ru"],
)  # fmt: skip
def test_what_is_no_address_is_said_so_beside_the_field(service, address):
    answer = begin(service, address)
    if not address:
        answer = service.client.get("/connect/", {"name": "Отдел", "portal": ""})
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "По этому адресу нет Битрикс24"),
        ("nosuch.invalid", "По этому адресу нет Битрикс24"),
        ("http://169.254.169.254", "недоступен интеграции"),
        ("https://10.0.0.1", "недоступен интеграции"),
        ("http://8.8.8.8", "недоступен интеграции"),
    ],
)
def test_address_without_a_portal_is_explained(service, address, words):
    answer = begin(service, address)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert "Что сделать" in answer.content.decode()


def test_page_that_is_no_portal_is_explained(service):
    service.sandbox.portal.url = "http://127.0.0.1"
    with listener() as (domain, _):
        answer = begin(service, f"http://{domain}")
    assert "По этому адресу нет Битрикс24" in answer.content.decode()


def test_portal_without_the_application_is_recognised(service):
    service.sandbox.portal.installed = False
    answer = begin(service)
    assert answer.status_code == 403
    assert "не установлено" in answer.content.decode()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda world: world.portal.codes.clear(), "Код подтверждения устарел"),
        (lambda world: setattr(world.portal, "installed", False), "не установлено"),
        (lambda world: setattr(world.portal, "is_paid", False), "не оплачена"),
        (lambda world: setattr(world.portal, "client_secret", "changed"), "настроено неверно"),
        (lambda world: world.faults.fail_next(1, "html", match="oauth.token"), "Сервер авторизации"),
        (lambda world: world.portal.users[1].update(ADMIN=False), "только администратор"),
        (lambda world: world.faults.fail_next(1, "html", match="event.bind"), "не отвечает"),
    ],
)
def test_failed_exchange_is_explained(service, spoil, words):
    state = state_of(begin(service))
    code = service.sandbox.portal.issue_code(1)
    spoil(service.sandbox)
    answer = service.client.get("/bitrix24/oauth/", {"code": code, "state": state})
    assert answer.status_code >= 400
    assert words in answer.content.decode()
    assert 'href="/connect/"' in answer.content.decode()


def test_code_older_than_thirty_seconds_is_explained(service):
    state, code = state_of(begin(service)), service.sandbox.portal.issue_code(1)
    service.clock.shift(timedelta(seconds=31))
    answer = service.client.get("/bitrix24/oauth/", {"code": code, "state": state})
    assert "Код подтверждения устарел" in answer.content.decode()
    assert not Portal.objects.exists()


def test_wrong_state_is_explained_and_no_code_is_traded(service):
    foreign = signing.dumps({"name": "x", "domain": "x"}, salt="other")
    for state in ("", "x", foreign):
        code = service.sandbox.portal.issue_code(1)
        answer = service.client.get("/bitrix24/oauth/", {"code": code, "state": state})
        assert answer.status_code == 400
        assert "слишком давно или не здесь" in answer.content.decode()
    assert not service.sandbox.oauth_log


def test_state_is_good_for_ten_minutes(service):
    state = state_of(begin(service))
    service.clock.shift(timedelta(minutes=11))
    code = service.sandbox.portal.issue_code(1)
    assert service.client.get("/bitrix24/oauth/", {"code": code, "state": state}).status_code == 400
    assert not Portal.objects.exists()


def test_denied_consent_is_explained(service):
    answer = service.client.get("/bitrix24/oauth/", {"error": "access_denied", "state": state_of(begin(service))})
    assert answer.status_code == 403
    assert "Доступ не разрешён" in answer.content.decode()


def test_connect_page_speaks_the_language_of_the_browser(service):
    page = service.client.get("/connect/", headers={"accept-language": "en-GB"}).content.decode()
    assert "Connect UIS to Bitrix24" in page
    page = service.client.get("/connect/", headers={"accept-language": "kk,ru"}).content.decode()
    assert "Подключить UIS к Битрикс24" in page
    assert service.client.post("/connect/").status_code in (403, 405)
