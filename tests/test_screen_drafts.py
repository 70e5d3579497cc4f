"""What was typed and not saved is offered again; what somebody else has saved meanwhile is not overwritten unasked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integration.models import Portal
from integration.models.portal import hash_secret
from integration.settings_document import read_settings
from settings_ui.drafts import purge_drafts
from settings_ui.models import FrameSession, SettingsDraft
from tests.test_screen import TOKENS, Screen, change, credential, screen

__all__ = ["credential", "screen"]
COUNTRY, MODE = "main.country:text", "telephony.mode:null"


def keep(screen, form):
    return screen.ask("draft/", form=form.pairs, base=int(form.data["data-base"])).json()


def stale_save(screen, form, **more):
    """Save a form that somebody else has overtaken; the page that shows both sides."""
    answer = screen.ask("save/", form=form.pairs, base=int(form.data["data-base"]), **more)
    assert answer.status_code == 409
    return screen.read()


def test_draft_is_kept_offered_and_continued_and_changes_nothing(screen, credential):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    change(form, "telephony.outgoing.filter.nodes[0].value:number", "не число")
    told = keep(screen, form)
    assert told["changed"] == ["main.country", "telephony.outgoing.filter.nodes[0].value"]
    assert told["kept_at"] == timezone.now().astimezone(credential.zone).strftime("%H:%M")
    assert read_settings(credential).country == "RU"

    again = screen.open()
    assert f"Черновик от {told['kept_at']}" in screen.page
    assert dict(again.pairs)[COUNTRY] == "RU"
    assert '<fieldset class="controls" disabled>' in screen.page

    screen.ask("draft/resume/")
    resumed = screen.read()
    assert dict(resumed.pairs)[COUNTRY] == "KZ"
    assert dict(resumed.pairs)["telephony.outgoing.filter.nodes[0].value:number"] == "не число"
    assert "data-dirty" in resumed.data
    change(resumed, "telephony.outgoing.filter.nodes[0].value:number", "7")
    screen.save(resumed)
    assert screen.document["main"]["country"] == "KZ"
    assert not SettingsDraft.objects.exists()
    screen.open()
    assert "Черновик от" not in screen.page


def test_draft_that_is_dropped_or_taken_back_by_hand_is_gone(screen):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    keep(screen, form)
    screen.ask("draft/drop/")
    assert not SettingsDraft.objects.exists()
    keep(screen, form)
    change(form, COUNTRY, "RU")
    assert keep(screen, form) == {"changed": [], "kept_at": "", "hints": screen.answer.json()["hints"]}
    assert not SettingsDraft.objects.exists()


def test_draft_is_seen_by_its_author_only(screen, credential):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    keep(screen, form)
    FrameSession.objects.create(
        token_hash=hash_secret("second"), portal=credential.portal, user_id=12, is_admin=True, language="ru"
    )
    other = Screen(credential)
    other.token = "second"
    other.open()
    assert "Черновик от" not in other.page
    assert dict(other.read().pairs)[COUNTRY] == "RU"
    other.ask("draft/drop/")
    assert SettingsDraft.objects.count() == 1


@pytest.mark.parametrize("path", ["draft/", "draft/resume/", "draft/drop/", "changes/", "check/"])
def test_only_administrators_of_the_same_portal_have_drafts(screen, credential, path):
    form = screen.open()
    screen.token = TOKENS[False]
    assert screen.ask(path, form=form.pairs, base=1, at="main.country").status_code == 403
    screen.token = TOKENS[True]
    FrameSession.objects.update(
        portal=Portal.objects.create(member_id="b" * 32, domain="b.example", client_endpoint="https://b.example/")
    )
    assert screen.ask(path, form=form.pairs, base=1, at="main.country").status_code == 400


def test_drafts_that_nobody_wants_any_more_are_purged(screen, credential):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    keep(screen, form)
    SettingsDraft.objects.update(saved_at=timezone.now() - timedelta(days=29))
    assert purge_drafts() == 0
    SettingsDraft.objects.update(saved_at=timezone.now() - timedelta(days=31))
    assert purge_drafts() == 1
    assert not SettingsDraft.objects.exists()


@pytest.mark.fault(42)
def test_changes_of_two_administrators_are_saved_together_once_they_have_been_seen(screen):
    mine, theirs = screen.open(), screen.open()
    change(theirs, COUNTRY, "KZ")
    screen.save(theirs)
    change(mine, MODE, "webrtc")
    shown = stale_save(screen, mine)
    assert "настройки изменил кто-то ещё" in screen.page
    assert "<del>RU</del> → <ins>KZ</ins>" in screen.page
    assert "<del>IP-телефония</del>" in screen.page
    assert screen.document["telephony"]["mode"] == "ip"
    assert dict(shown.pairs)[MODE] == "webrtc"
    screen.save(shown, seen=int(shown.data["data-seen"]))
    assert (screen.document["telephony"]["mode"], screen.document["main"]["country"]) == ("webrtc", "KZ")
    assert screen.credential.revisions.count() == 3


@pytest.mark.fault(42)
@pytest.mark.parametrize(("choice", "kept"), [("mine", "BY"), ("theirs", "KZ")])
def test_conflict_is_saved_only_as_somebody_chooses(screen, choice, kept):
    mine, theirs = screen.open(), screen.open()
    change(theirs, COUNTRY, "KZ")
    screen.save(theirs)
    change(mine, COUNTRY, "BY")
    shown = stale_save(screen, mine)
    seen = int(shown.data["data-seen"])
    assert 'data-conflict="main.country"' in screen.page
    stale_save(screen, shown, seen=seen)
    stale_save(screen, shown, seen=seen, choices={"main.country": "nobody's"})
    assert screen.document["main"]["country"] == "KZ"
    screen.save(shown, seen=seen, choices={"main.country": choice})
    assert screen.document["main"]["country"] == kept


@pytest.mark.fault(42)
def test_third_administrator_who_saves_while_a_conflict_is_solved_is_shown_too(screen):
    mine, theirs = screen.open(), screen.open()
    change(theirs, COUNTRY, "KZ")
    screen.save(theirs)
    change(mine, COUNTRY, "BY")
    shown = stale_save(screen, mine)
    third = screen.open()
    change(third, COUNTRY, "AM")
    screen.save(third)
    stale_save(screen, shown, seen=int(shown.data["data-seen"]), choices={"main.country": "mine"})
    assert "AM" in screen.page
    assert screen.document["main"]["country"] == "AM"


@pytest.mark.fault(42)
def test_draft_of_an_old_revision_is_met_with_both_sides(screen):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    keep(screen, form)
    theirs = Screen(screen.credential)
    theirs.token = screen.token
    newer = theirs.open()
    SettingsDraft.objects.update(user_id=99)
    change(newer, COUNTRY, "BY")
    theirs.save(newer)
    SettingsDraft.objects.update(user_id=1)
    screen.open()
    assert "настройки сохранили ещё раз" in screen.page
    screen.ask("draft/resume/")
    stale_save(screen, screen.read())
    assert "Моё:</b> KZ" in screen.page
    assert "Их:</b> BY" in screen.page


def test_changes_are_shown_in_words_before_saving(screen):
    form = screen.open()
    change(form, "telephony.records:yes", "0")
    change(form, "telephony.incoming.responsible.default:ref", "Анна Смирнова (15)")
    change(form, "chats.chat.create.item:null", "lead")
    change(form, "chats.chat.channels:channels", "", "all")
    page = screen.ask("changes/", form=form.pairs, base=1).content.decode()
    for words in (
        "<del>да</del> → <ins>нет</ins>",
        "<del>Мария Орлова</del> → <ins>Анна Смирнова</ins>",
        "<del>Сделка</del> → <ins>Лид</ins>",
        "<del>Telegram-бот, Чат на сайте</del> → <ins>Все каналы</ins>",
    ):
        assert words in page


def test_control_that_is_left_is_checked_alone(screen):
    form = screen.open()
    change(form, COUNTRY, "Россия")
    found = screen.ask("check/", form=form.pairs, at="main.country").content.decode()
    assert 'id="f-main-country-error"' in found
    assert "не страна" in found
    assert screen.ask("check/", form=form.pairs, at="main.alerts.emails").content.decode().strip() == ""
    change(form, COUNTRY, "KZ")
    assert screen.ask("check/", form=form.pairs, at="main.country").content.decode().strip() == ""


def test_staff_see_who_has_left_what_unsaved_and_cannot_change_it(screen, admin_client):
    form = screen.open()
    change(form, COUNTRY, "KZ")
    keep(screen, form)
    draft = SettingsDraft.objects.get()
    assert "Основной портал" in admin_client.get("/admin/settings_ui/settingsdraft/").content.decode()
    page = admin_client.get(f"/admin/settings_ui/settingsdraft/{draft.pk}/change/").content.decode()
    assert "&quot;country&quot;: &quot;KZ&quot;" in page
    assert admin_client.post(f"/admin/settings_ui/settingsdraft/{draft.pk}/delete/", {"post": "yes"}).status_code == 403
