"""Journeys of what is told of a call only after its end: report, AI analysis, tags. Notification in → effect out."""

from typing import Any

import pytest

from crm_bitrix.models import BitrixItem
from integration.models import FieldMapping, ResponsibleRule, State, UisItem
from tests.conftest import Product, set_filter, set_title

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


def lead_of(product: Product) -> dict[str, Any]:
    return product.sandbox.portal.crm.items[1][max(product.sandbox.portal.crm.items[1])]


def map_text(product: Product, fact: str, code: str, policy: str = "create") -> None:
    BitrixItem.objects.get_or_create(
        portal=product.portal, kind="field", code=f"lead.{code}", defaults={"name": code, "data": {"type": "string"}}
    )
    position = FieldMapping.objects.count()
    FieldMapping.objects.create(
        stream=product.stream(), position=position, fact=fact, object="lead", field=code, policy=policy
    )


def tell_ai(product: Product, story: Any, **changes: Any) -> None:
    product.notify(
        {
            "event": "ai_result_ready",
            "notification_time": "2026-03-16 10:21:33.700",
            "call_session_id": story.call_session_id,
            "sa_scenario_name": "Контроль скрипта",
            "sa_communication_score": 8,
            "sa_scenario_score": 75,
            "sa_call_summary": "Клиент спросил о доставке.",
            "tag_names": ["Целевой"],
            **changes,
        }
    )
    product.work()


def test_an_ai_result_is_written_when_it_comes_and_changes_nothing_else(product: Product):
    map_text(product, "sa_call_summary", "comments")
    map_text(product, "result", "statusDescription", policy="overwrite")
    set_title(product.stream(), "answered", "Звонок {{sa_scenario_score}}")
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    lead = lead_of(product)
    assert (lead["title"], lead.get("comments"), lead["statusDescription"]) == ("Звонок", None, "answered")
    lead["statusDescription"] = "исправлено менеджером"
    before = len(sent(product, "crm.item.update"))

    for _ in range(3):
        tell_ai(product, story)

    assert product.call(story).state == State.DONE
    [update] = sent(product, "crm.item.update")[before:]
    assert update["fields"] == {"title": "Звонок 75", "comments": "Клиент спросил о доставке."}
    tell_ai(product, story, notification_time="2026-03-16 10:30:00", sa_scenario_score=80)
    assert lead["title"] == "Звонок 80"
    lead["title"] = "Ольга, доставка"
    tell_ai(product, story, notification_time="2026-03-16 10:40:00", sa_scenario_score=90)
    assert (lead["title"], lead["statusDescription"]) == ("Ольга, доставка", "исправлено менеджером")


@pytest.mark.parametrize("defaults", [False, True])
def test_a_call_with_all_that_uis_tells_afterwards_ends_complete(product: Product, defaults: bool):
    map_text(product, "tags", "comments", policy="overwrite")
    set_title(product.stream(), "answered", "Звонок {{sa_scenario_score}}")
    before = product.sandbox.portal.counts()
    product.play("analysed_call", client_phone=NEW_PHONE, employees=[PETR], default_bodies=defaults)
    product.pass_time(100)
    after = product.sandbox.portal.counts()
    assert {name: after[name] - before[name] for name in ("leads", "calls", "activities", "records")} == dict.fromkeys(
        ("leads", "calls", "activities", "records"), 1
    )
    lead = lead_of(product)
    assert lead["title"] == "Звонок 75"
    assert set(lead["comments"].split(", ")) >= {"Целевой"}
    assert len(sent(product, "telephony.call.attachTranscription")) == 1


def test_a_rule_that_asks_for_the_ai_score_hands_the_lead_over_when_it_comes(product: Product):
    ResponsibleRule.objects.create(
        stream=product.stream(),
        position=0,
        name="Слабые разговоры",
        conditions={"all": [{"fact": "sa_communication_score", "op": "lt", "value": 5}]},
        assign={"to": "user", "user": 15},
    )
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    assert product.call(story).responsible_id == 1
    tell_ai(product, story, sa_communication_score=3)
    assert product.call(story).responsible_id == 15
    assert str(lead_of(product)["assignedById"]) == "15"


@pytest.mark.parametrize(("score", "is_made"), [(75, True), (20, False)])
def test_a_filter_that_asks_for_the_ai_analysis_waits_for_it(product: Product, score: int, is_made: bool):
    set_filter(product.stream(), {"all": [{"fact": "sa_scenario_score", "op": "ge", "value": 50}]})
    before = product.sandbox.portal.counts()
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    call = product.call(story)
    assert (call.state, call.reason) == (State.WAITING, "ждёт AI-анализа UIS: он нужен фильтру")
    assert not product.sandbox.portal.telephony.cards
    assert product.sandbox.portal.counts() == before
    tell_ai(product, story, sa_scenario_score=score)
    product.pass_time()
    assert product.call(story).state == (State.DONE if is_made else State.IGNORED)
    assert product.sandbox.portal.counts()["leads"] - before["leads"] == is_made


def test_a_filter_does_not_wait_for_the_ai_analysis_for_ever(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "sa_call_summary", "op": "not_contains", "value": "спам"}]})
    story = product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time(100)
    assert product.call(story).state == State.WAITING
    product.pass_time(31 * 60)
    assert (product.call(story).state, product.call(story).reason) == (State.DONE, "создан лид")


def test_a_filter_that_asks_for_the_report_waits_for_it_and_is_answered_once(product: Product):
    set_filter(product.stream(), {"all": [{"fact": "utm_source", "op": "ne", "value": "spam"}]})
    before = product.sandbox.portal.counts()
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.sandbox.uis.calls[-1]["utm_source"] = "spam"
    story.post()
    product.work()
    assert product.call(story).reason == "ждёт отчёта UIS о звонке"
    product.pass_time(60)
    product.pass_time()
    assert product.call(story).state == State.IGNORED
    assert product.sandbox.portal.counts() == before


def test_a_report_that_comes_late_still_brings_its_fields(product: Product):
    map_text(product, "utm_source", "utmSource")
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    row = product.sandbox.uis.calls.pop()
    story.post()
    product.work()
    product.pass_time(100)
    assert product.call(story).state == State.DONE
    product.sandbox.uis.calls.append({**row, "utm_source": "yandex"})
    for _ in range(4):
        product.pass_time(200)
    assert lead_of(product)["utmSource"] == "yandex"
    assert len(sent(product, "telephony.externalCall.finish")) == 1


def test_a_tag_put_on_after_the_call_is_written(product: Product):
    map_text(product, "tags", "comments", policy="overwrite")
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.pass_time(100)
    for number, name in ((1, "Целевой"), (2, "VIP")):
        product.notify(
            {
                "event": "set_mark",
                "call_session_id": story.call_session_id,
                "notification_time": f"2026-03-16 12:2{number}:00",
                "tag_id": number,
                "tag_name": name,
            }
        )
        product.work()
    assert lead_of(product)["comments"] == "Целевой, VIP"


@pytest.mark.parametrize(("minutes", "asks"), [(29, False), (31, True)])
def test_a_call_older_than_half_an_hour_asks_the_statistics_first_and_is_carried_over_once(
    product: Product, minutes: int, asks: bool
):
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    story.post()
    product.clock.shift((minutes - 3) * 60)  # the story began a little before
    product.work()
    product.pass_time(1)
    assert bool(sent(product, "voximplant.statistic.get")) == asks
    assert len(sent(product, "telephony.externalCall.finish")) == 1
    assert lead_of(product)["title"] == "Звонок: +7 900 111-22-33"


def test_a_call_that_the_portal_has_already_is_not_carried_over_twice(product: Product):
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    before = product.sandbox.portal.counts()
    product.portal.communications.all().delete()  # our memory is lost
    product.clock.shift(40 * 60)
    story.bodies[-1]["file_duration"] = 1  # told anew, not a repetition
    for body in story.bodies:
        product.notify({**body, "notification_name": "ещё раз"})
    product.work()
    assert product.call(story).reason.startswith("этот звонок уже есть в статистике Битрикс24")
    assert product.sandbox.portal.counts() == before


def test_a_title_names_the_responsible_and_the_number(product: Product):
    UisItem.objects.create(credential=product.credential, kind="number", code="+74950000010", name="Сайт", data={})
    ResponsibleRule.objects.create(
        stream=product.stream(), position=0, name="Кто говорил", assign={"to": "talked", "which": "last"}
    )
    set_title(product.stream(), "answered", "{{virtual_number_name}}: {{responsible_name}}")
    product.play("answered_call", client_phone=NEW_PHONE, employees=[ANNA])
    assert sent(product, "crm.item.add")[0]["fields"]["title"] == "Сайт: Анна Смирнова"
