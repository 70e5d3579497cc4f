"""The application inside the portal: who is let in, what the page may do, how long a session lives."""

import gettext
import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client, RequestFactory
from django.urls import get_resolver

from crm_bitrix.verification import Refused, read_domain, read_language
from integration.models import Credential, Portal
from integration.models.portal import hash_secret
from settings_ui.models import FrameSession
from settings_ui.pages import explain
from settings_ui.refusals import BAD_STATE, DENIED, NO_PORTAL, PRIVATE_ADDRESS, REFUSALS
from tests.frame_posts import APP, INSTALL, ancestors, listener, open_frame, token_of
from tests.sandbox.outbox import event_form

KEY_PATH, LIST_PATH, RENEW = "/bitrix24/app/uis-key/", "/bitrix24/app/checklist/", "/bitrix24/session/renew/"
ADDRESSES_PATH = "/bitrix24/app/addresses/"
PAGES = (INSTALL, APP, "/bitrix24/placement/DEFAULT/", "/bitrix24/placement/REST_APP_URI/")


@pytest.fixture
def client() -> Client:
    return Client()


def send(client, path, token, data=None, **headers):
    return client.post(path, data or {}, headers={"x-app-session": token, **headers})


# --- the door


@pytest.mark.fault(1)
@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("path", PAGES)
def test_direct_link_shows_where_to_open_the_application(client, method, path, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = getattr(client, method)(path)
    assert (answer.status_code, answer["X-Frame-Options"]) == (200, "DENY")
    if method == "get":
        assert "Откройте приложение из Битрикс24" in answer.content.decode()


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    "body",
    [
        {"AUTH_ID": None},
        {"AUTH_ID": "a" * 10_000},
        {"AUTH_ID": "токен"},
        {"AUTH_ID": "a\nb"},
        {"REFRESH_ID": "a" * 10_000},
        {"APPLICATION_TOKEN": "a" * 10_000},
        {"member_id": None},
        {"member_id": "../../etc"},
        {"member_id": "g" * 32},
        {"PLACEMENT": "CRM_LEAD_DETAIL_TAB"},
        {"PLACEMENT": "<script>"},
    ],
)
def test_entry_with_wrong_shapes_gets_a_friendly_page_and_asks_nobody(product, body):
    product.sandbox.portal.clear_log()
    answer = open_frame(product.client, product.sandbox, body=body)
    assert answer.status_code == 400
    assert "Что сделать" in answer.content.decode()
    assert ancestors(answer) == f"http://{product.sandbox.portal.domain}"
    assert not product.sandbox.portal.requests
    assert not FrameSession.objects.exists()


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    "domain",
    [
        "evil.com; script-src *",
        "acme.bitrix24.ru\r\nX-Evil: 1",
        "*.bitrix24.ru",
        "user@evil.com",
        "evil.com/path",
        "acme.bitrix24.ru:99999",
        "acme.bitrix24.ru:0",
        "acme.bitrix24.ru:",
        "-evil.com",
        "a" * 64 + ".ru",
        "x." * 130 + "ru",
        "",
        "битрикс.рф",
        "[::1]",
    ],
)
def test_spoilt_domain_never_reaches_a_header(product, domain):
    answer = open_frame(product.client, product.sandbox, query={"DOMAIN": domain})
    assert answer.status_code == 400
    assert ancestors(answer) == "'none'"
    assert "evil" not in str(answer.headers).lower()
    with pytest.raises(Refused):
        read_domain(domain)


@pytest.mark.parametrize(
    ("domain", "read"),
    [
        ("Acme.Bitrix24.ru", "acme.bitrix24.ru"),
        ("acme.bitrix24.ru:443", "acme.bitrix24.ru"),
        ("crm.company.local:8443", "crm.company.local:8443"),
        ("xn--90aennqbh.xn--p1ai", "xn--90aennqbh.xn--p1ai"),
        ("10.0.0.7:8080", "10.0.0.7:8080"),
    ],
)
def test_on_premise_and_punycode_domains_are_domains(domain, read):
    assert read_domain(domain) == read


@pytest.mark.parametrize(
    ("told", "spoken"),
    [("ru", "ru"), ("kz", "ru"), ("by", "ru"), ("", "ru"), ("en", "en"), ("de", "en"), ("<b>", "en")],
)
def test_language_follows_the_portal(told, spoken):
    assert read_language(told) == spoken


@pytest.mark.fault(4)
def test_token_of_one_portal_in_the_name_of_another_is_refused(product, caplog):
    other = product.sandbox.add_portal("beta")
    victim = Portal.objects.create(
        member_id=other.member_id,
        domain="beta.example",
        client_endpoint=other.client_endpoint,
        oauth_host=product.portal.oauth_host,
        access_token="kept",
    )
    for path in (APP, INSTALL):
        answer = open_frame(product.client, product.sandbox, path, body={"member_id": other.member_id})
        assert answer.status_code == 403
    assert "came in the name of" in caplog.text
    victim.refresh_from_db()
    assert (victim.access_token, victim.domain) == ("kept", "beta.example")
    assert not FrameSession.objects.exists()


@pytest.mark.fault(5)
def test_fake_portal_is_never_asked(product):
    with listener() as (domain, heard):
        for body in ({}, {"AUTH_ID": "f" * 64}):
            answer = open_frame(
                product.client,
                product.sandbox,
                INSTALL,
                query={"DOMAIN": domain},
                body=body,
                headers={"origin": f"http://{domain}"},
            )
            assert answer.status_code == 403
    assert heard == []


@pytest.mark.fault(6)
@pytest.mark.parametrize("endpoint", ["http://{}/rest/", "http://{}/oauth/rest/"])
def test_posted_authorisation_server_is_ignored(product, endpoint):
    with listener() as (domain, heard):
        answer = open_frame(product.client, product.sandbox, body={"SERVER_ENDPOINT": endpoint.format(domain)})
    assert answer.status_code == 200
    assert heard == []


@pytest.mark.fault(7)
def test_token_of_another_application_is_refused(product):
    product.sandbox.portal.client_id = "local.somebody.else"
    assert open_frame(product.client, product.sandbox).status_code == 403
    assert open_frame(product.client, product.sandbox, INSTALL).status_code == 403


def test_other_application_token_is_refused_at_the_entry(product):
    answer = open_frame(product.client, product.sandbox, body={"APPLICATION_TOKEN": "0" * 32})
    assert answer.status_code == 403
    product.portal.refresh_from_db()
    assert product.portal.application_token == product.sandbox.portal.application_token


@pytest.mark.parametrize(
    ("spoil", "status", "words"),
    [
        (lambda world: world.portal.expire_tokens(), 401, "истёк"),
        (lambda world: world.faults.fail_next(1, "html", match="oauth.app.info"), 503, "Сервер авторизации"),
        (lambda world: world.faults.fail_next(1, "drop_before", match="oauth.app.info"), 503, "Сервер авторизации"),
        (lambda world: world.faults.fail_next(1, "html", match="profile"), 503, "не отвечает"),
        (lambda world: world.faults.fail_next(1, "truncated", match="profile"), 503, "не отвечает"),
        (lambda world: world.faults.fail_next(1, "wrong_type", match="profile"), 503, "не отвечает"),
        (lambda world: setattr(world.portal, "is_paid", False), 403, "не оплачена"),
        (lambda world: world.portal.users[1].update(ACTIVE=False), 403, "не узнаёт сотрудника"),
    ],
)
def test_every_refusal_is_a_page_that_says_what_to_do(product, spoil, status, words):
    asked = product.sandbox.frame()
    spoil(product.sandbox)
    answer = open_frame(product.client, product.sandbox, body={"AUTH_ID": asked["body"]["AUTH_ID"]})
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "Что сделать" in page
    assert ancestors(answer) == f"http://{product.sandbox.portal.domain}"
    assert asked["body"]["AUTH_ID"] not in page


# --- the page


@pytest.mark.fault(13)
def test_page_may_be_framed_by_its_own_portal_only(product):
    for path in (APP, INSTALL, "/bitrix24/placement/DEFAULT/"):
        answer = open_frame(product.client, product.sandbox, path)
        assert answer.status_code == 200
        assert ancestors(answer) == f"http://{product.sandbox.portal.domain}"
        assert "X-Frame-Options" not in answer.headers
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"
        assert not answer.cookies
    assert product.client.get("/admin/login/")["X-Frame-Options"] == "DENY"
    assert product.client.get("/connect/")["X-Frame-Options"] == "DENY"
    part = send(product.client, LIST_PATH, token_of(answer))
    assert (part.status_code, ancestors(part)) == (200, "'none'")


def test_page_carries_no_token_of_bitrix24(product):
    asked = product.sandbox.frame()
    page = open_frame(product.client, product.sandbox, body=asked["body"]).content.decode()
    for name in ("AUTH_ID", "REFRESH_ID", "APPLICATION_TOKEN"):
        assert asked["body"][name] not in page
    assert product.sandbox.portal.client_secret not in page
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_page_speaks_the_language_of_the_portal(product):
    page = open_frame(product.client, product.sandbox, query={"LANG": "de"}).content.decode()
    assert 'lang="en"' in page
    assert "Connect UIS" in page
    part = send(product.client, LIST_PATH, re.search(r'name="app-session" content="([^"]+)"', page)[1])
    assert "Connect UIS" in part.content.decode()


LOCALE = Path(__file__).resolve().parent.parent / "settings_ui" / "locale" / "en" / "LC_MESSAGES"


def test_english_is_complete_and_compiled():
    source = (LOCALE / "django.po").read_text()
    assert "fuzzy" not in source
    with (LOCALE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', source, re.MULTILINE)
    assert len(pairs) > 80
    for original, english in pairs:
        assert english, original
        assert compiled[original.replace('\\"', '"')] == english.replace('\\"', '"')


def test_no_russian_is_left_on_an_english_page(installed):
    product, token = installed
    FrameSession.objects.update(language="en")
    pages = [send(product.client, LIST_PATH, token)]
    pages += [open_frame(product.client, product.sandbox, query={"LANG": "en"}, user_id=user) for user in (1, 12)]
    pages += [product.client.get(path, headers={"accept-language": "en"}) for path in ("/connect/", f"{APP}?LANG=en")]
    pages += [explain(RequestFactory().get("/"), words, language="en", again="/") for words in REFUSALS.values()]
    for words in (NO_PORTAL, PRIVATE_ADDRESS, BAD_STATE, DENIED):
        pages.append(explain(RequestFactory().get("/"), words, language="en"))
    for page in pages:
        # names of sections of the UIS account area stay as they are written there
        text = re.sub('<span lang="ru">.*?</span>', "", page.content.decode())
        assert not re.search("[а-яё]+", text, re.IGNORECASE), re.search("[а-яё].{0,80}", text, re.IGNORECASE)[0]


@pytest.mark.fault(8)
def test_ordinary_user_reads_and_changes_nothing(product):
    page = open_frame(product.client, product.sandbox, user_id=12)
    assert page.status_code == 200
    assert "Изменять настройки может только администратор" in page.content.decode()
    assert 'name="key"' not in page.content.decode()
    token = token_of(page)
    assert send(product.client, LIST_PATH, token).status_code == 200
    data = {"brand": "uis", "key": "x", "credential": str(product.credential.uuid)}
    for path in (KEY_PATH, ADDRESSES_PATH):
        assert send(product.client, path, token, data).status_code == 403
    product.portal.refresh_from_db()
    assert product.portal.token_user_id == 1


# --- the session


def test_only_the_hash_of_a_session_is_stored(product):
    token = token_of(open_frame(product.client, product.sandbox))
    session = FrameSession.objects.get()
    assert session.token_hash == hash_secret(token)
    assert (session.user_id, session.is_admin, session.language) == (1, True, "ru")
    assert len(token) >= 43


@pytest.mark.fault(9)
def test_forged_or_missing_session_is_answered_without_details(product):
    for token in ("", "x", "x" * 5000, "0" * 43):
        answer = send(product.client, LIST_PATH, token)
        assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.fault(9)
def test_session_ends_after_an_idle_hour_and_after_half_a_day(product):
    token = token_of(open_frame(product.client, product.sandbox))
    for _ in range(13):
        product.clock.shift(timedelta(minutes=55))
        assert send(product.client, LIST_PATH, token).status_code == 200
    product.clock.shift(timedelta(minutes=10))
    assert send(product.client, LIST_PATH, token).status_code == 401
    token = token_of(open_frame(product.client, product.sandbox))
    product.clock.shift(timedelta(minutes=61))
    answer = send(product.client, LIST_PATH, token)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.fault(9)
def test_session_of_one_portal_sees_nothing_of_another(product):
    token = token_of(open_frame(product.client, product.sandbox))
    other = Portal.objects.create(member_id="b" * 32, domain="b.example", client_endpoint="https://b.example/rest/")
    foreign = Credential.objects.create(portal=other, name="Чужой", uis_key="k", hook_secret_hash="kept")
    for uuid in (foreign.uuid, "no-uuid", ""):
        assert send(product.client, ADDRESSES_PATH, token, {"credential": str(uuid)}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.hook_secret_hash == "kept"


@pytest.mark.fault(10)
@pytest.mark.parametrize("clean", [False, True])
def test_session_is_dead_at_once_after_the_application_is_removed(product, clean):
    token = token_of(open_frame(product.client, product.sandbox, INSTALL))
    form = event_form(product.sandbox.portal, "ONAPPUNINSTALL", {"LANGUAGE_ID": "ru", "CLEAN": int(clean)})
    told = product.client.post(
        "/bitrix24/events/", data=urlencode(form), content_type="application/x-www-form-urlencoded"
    )
    assert told.status_code == 200
    answer = send(product.client, LIST_PATH, token)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.fault(11)
def test_fresh_token_buys_a_fresh_session(product):
    old = token_of(open_frame(product.client, product.sandbox))
    product.clock.shift(timedelta(minutes=61))
    assert send(product.client, LIST_PATH, old).status_code == 401
    fresh = product.sandbox.frame()["body"]["AUTH_ID"]
    data = {"AUTH_ID": fresh, "member_id": product.portal.member_id, "LANG": "ru"}
    answer = send(product.client, RENEW, old, data, origin="http://testserver")
    assert answer.status_code == 200
    token = json.loads(answer.content)["session"]
    assert send(product.client, LIST_PATH, token).status_code == 200
    assert FrameSession.objects.count() == 1


def test_session_is_not_renewed_by_a_token_of_another_portal(product):
    other = product.sandbox.add_portal("beta")
    data = {"AUTH_ID": other.issue_tokens().access, "member_id": product.portal.member_id}
    assert send(product.client, RENEW, "", data).status_code == 403
    data["member_id"] = other.member_id  # a portal that has never installed the application
    assert send(product.client, RENEW, "", data).status_code == 401
    assert send(product.client, RENEW, "", {"AUTH_ID": "", "member_id": "x"}).status_code == 400
    assert not FrameSession.objects.exists()


@pytest.mark.fault(12)
def test_post_from_another_page_is_refused(product):
    answer = open_frame(product.client, product.sandbox, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    token = token_of(open_frame(product.client, product.sandbox))
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": f"http://{product.sandbox.portal.domain}"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        for path in (KEY_PATH, LIST_PATH, RENEW):
            assert send(product.client, path, token, **headers).status_code == 403, headers
    for headers in ({"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}):
        assert send(product.client, LIST_PATH, token, **headers).status_code == 200


def test_no_address_of_the_frame_changes_anything_by_get(product):
    for path in (KEY_PATH, LIST_PATH, ADDRESSES_PATH, RENEW):
        token = token_of(open_frame(product.client, product.sandbox))
        assert product.client.get(path, headers={"x-app-session": token}).status_code == 405


def test_addresses_without_djangos_csrf_are_known(client, db):
    """Machines' addresses prove themselves by a secret, the frame's by its session; everything else is protected."""
    exempt = set()

    def walk(patterns, prefix=""):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, prefix + str(pattern.pattern))
            elif getattr(pattern.callback, "csrf_exempt", False) and not hasattr(pattern.callback, "cls"):
                exempt.add(prefix + str(pattern.pattern))

    walk(get_resolver().url_patterns)
    inside = {path for path in exempt if path.startswith("bitrix24/app/")} - {"bitrix24/app/"}
    for path in inside:
        assert client.post("/" + re.sub(r"<int:\w+>", "1", path)).status_code == 401, path
    assert {path for path in exempt - inside if path.startswith("bitrix24/")} == {
        "bitrix24/events/",
        "bitrix24/install/",
        "bitrix24/app/",
        "bitrix24/session/renew/",
        "bitrix24/placement/<str:code>/",
    }
    assert all(path.startswith(("bitrix24/", "uis/")) for path in exempt), exempt


# --- step 1: the key


@pytest.fixture
def installed(product):
    """A portal that has just been installed: its credential waits for a key."""
    Credential.objects.all().delete()
    token = token_of(open_frame(product.client, product.sandbox, INSTALL))
    return product, token


def test_good_key_is_kept_and_the_addresses_are_shown_once(installed):
    product, token = installed
    answer = send(product.client, KEY_PATH, token, {"brand": "uis", "key": f"  {product.sandbox.uis.key} "})
    page = answer.content.decode()
    assert answer.status_code == 200, page
    credential = Credential.objects.get()
    assert (credential.uis_key, credential.uis_account_id) == (product.sandbox.uis.key, product.sandbox.uis.app_id)
    assert f"/uis/{credential.uuid}/" in page
    secret = page.split(f"/uis/{credential.uuid}/")[1].split("/")[0]
    assert product.client.post(f"/uis/{credential.uuid}/{secret}/events/", b"{}", "application/json").status_code == 200
    again = send(product.client, LIST_PATH, token).content.decode()
    assert secret not in again
    assert "Показать новые адреса" in again


def test_lost_addresses_are_made_anew(installed):
    product, token = installed
    send(product.client, KEY_PATH, token, {"brand": "uis", "key": product.sandbox.uis.key})
    credential = Credential.objects.get()
    answer = send(product.client, ADDRESSES_PATH, token, {"credential": str(credential.uuid)})
    assert answer.status_code == 200
    assert f"/uis/{credential.uuid}/" in answer.content.decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"brand": "uis", "key": "foreign-key"}, "UIS не принимает ключ API"),
        ({"brand": "uis", "key": ""}, "Вставьте ключ API"),
        ({"brand": "uis", "key": "с пробелом"}, "не похоже на ключ"),
        ({"brand": "uis", "key": "a" * 500}, "200"),
        ({"brand": "megafon", "key": "abc"}, "megafon"),
    ],
)
def test_wrong_key_gets_a_sentence_and_changes_nothing(installed, data, words):
    product, token = installed
    answer = send(product.client, KEY_PATH, token, data)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert words in answer.content.decode()
    assert not Credential.objects.exclude(uis_key="").exists()


def test_closed_white_list_names_our_address(installed):
    product, token = installed
    product.sandbox.uis.faults.fail_next(1, "ip_not_whitelisted")
    answer = send(product.client, KEY_PATH, token, {"brand": "uis", "key": product.sandbox.uis.key})
    assert answer.status_code == 200
    assert "Правила и настройки безопасности" in answer.content.decode()
    assert not Credential.objects.exclude(uis_key="").exists()


def test_page_without_script_gets_the_whole_page(installed):
    product, token = installed
    answer = product.client.post(KEY_PATH, {"session": token, "brand": "uis", "key": product.sandbox.uis.key})
    assert answer.status_code == 200
    assert token_of(answer) == token
    assert ancestors(answer) == f"http://{product.sandbox.portal.domain}"
