"""Journeys of offline requests."""

import pytest

from crm_bitrix.models import BitrixItem
from integration.models import FieldMapping, ResponsibleRule, State
from tests.chat_stories import ANNA, NEW_PHONE, activities, comments, grown, report, said_by, sent, set_up, told
from tests.conftest import Product, set_filter

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_is_an_item_and_an_activity_that_says_what_it_says(product: Product):
    before = product.sandbox.portal.counts()
    story = product.play("offline_request", client_phone=NEW_PHONE, text="Перезвоните завтра")
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1}
    [activity] = sent(product, "crm.activity.configurable.add")
    texts = [block["properties"]["value"] for block in activity["layout"]["body"]["blocks"].values()]
    assert texts[:3] == ["Перезвоните завтра", "Телефон: +79001112233", "E-mail: maria@example.com"]
    [lead] = sent(product, "crm.item.add")
    assert {row["typeId"]: row["value"] for row in lead["fields"]["fm"]} == {
        "PHONE": "+79001112233",
        "EMAIL": "maria@example.com",
    }
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


def test_a_request_without_an_activity_is_told_in_one_comment(product: Product):
    set_up(product, "request", create_what="item")
    story = product.play("offline_request", client_phone=NEW_PHONE, text="[B]Перезвоните[/B]")
    [said] = comments(product)
    assert said.startswith("[\u200bB]Перезвоните[\u200b/B]\nТелефон: +79001112233")
    assert said.endswith(f"Заявка с сайта № {story.id}")
    assert not sent(product, "crm.activity.configurable.add")


def test_a_request_can_wait_until_an_operator_has_processed_it(product: Product):
    set_up(product, "request", moment="end")
    story = product.play("offline_request", client_phone=NEW_PHONE)
    assert (told(product, "request").state, told(product, "request").reason) == (
        State.WAITING,
        "ждёт обработки оператором",
    )
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    report(product, "offline_messages_report", row | {"status": "processed", "employee_id": ANNA})
    product.work()
    assert told(product, "request").state == State.DONE
    assert len(sent(product, "crm.item.add")) == 1


def test_a_request_that_an_operator_processes_after_hours_is_carried_over_then(product: Product):
    set_up(product, "request", moment="end")
    story = product.play("offline_request", client_phone=NEW_PHONE)
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    for _ in range(50):
        product.pass_time(600)
    assert told(product, "request").reason == "ждёт обработки оператором"
    by_id = [one for one in product.sandbox.uis.requests if "filter" in (one["params"] or {})]
    assert len(by_id) <= 2 * 16  # twice as often at first as the hours go by, the columns it has not included
    row["status"], row["employee_id"] = "processed", ANNA
    for _ in range(7):
        product.pass_time(600)
    assert told(product, "request").state == State.DONE
    product.sandbox.uis.requests.clear()
    product.pass_time(60)
    assert not product.sandbox.uis.requests


def test_the_form_of_a_request_is_asked_for_at_once_when_a_rule_speaks_of_it(product: Product):
    when = {"all": [{"fact": "form_name", "op": "eq", "value": "Заявка с сайта"}]}
    ResponsibleRule.objects.create(
        stream=product.stream("request"), position=0, name="Ф", conditions=when, assign={"to": "user", "user": 15}
    )
    product.play("offline_request", client_phone=NEW_PHONE, default_bodies=True)
    assert told(product, "request").reason == "ждёт отчёта UIS"
    for _ in range(2):
        product.pass_time(6)
    [lead] = sent(product, "crm.item.add")
    assert (str(lead["fields"]["assignedById"]), told(product, "request").state) == ("15", State.DONE)


def test_what_only_the_report_tells_of_a_request_is_written_when_it_comes(product: Product):
    code = "lead.UF_CRM_FORM"
    BitrixItem.objects.create(portal=product.portal, kind="field", code=code, name=code, data={"type": "string"})
    FieldMapping.objects.create(
        stream=product.stream("request"), position=0, fact="utm_campaign", object="lead", field="UF_CRM_FORM"
    )
    story = product.play("offline_request", client_phone=NEW_PHONE)
    [born] = sent(product, "crm.item.add")
    assert "UF_CRM_FORM" not in born["fields"]
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    for status in ("not_processed", "processing", "processed", "processed"):
        report(product, "offline_messages_report", row | {"status": status, "employee_id": ANNA})
        product.work()
    [corrected] = sent(product, "crm.item.update")
    assert corrected["fields"] == {"UF_CRM_FORM": "spring"}


def test_what_only_the_report_tells_of_a_request_is_said_by_its_activity_too(product: Product):
    story = product.play("offline_request", client_phone=NEW_PHONE, default_bodies=True)
    assert not [line for line in said_by(activities(product)[0]) if "spring" in line or "партнёр" in line]
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    filled_in = [{"property_name": "Компания", "property_value": "ООО [B]Ромашка[/B]"}, {"property_name": ""}]
    report(product, "offline_messages_report", row | {"form_name": "Для партнёров", "properties": filled_in})
    product.work()
    texts = said_by(activities(product)[0])
    assert texts[3:5] == ["Форма: Для партнёров", "Компания: ООО [B]Ромашка[/B]"]
    assert texts[-1] == "Метки: utm_source=yandex, utm_medium=cpc, utm_campaign=spring, utm_term=купить"
    assert product.sandbox.portal.cost(story.id)["requests"] <= 4


def test_a_filter_on_what_only_the_report_tells_of_a_request_waits_for_it(product: Product):
    set_filter(product.stream("request"), {"all": [{"fact": "utm_campaign", "op": "eq", "value": "spring"}]})
    story = product.play("offline_request", client_phone=NEW_PHONE)
    assert (told(product, "request").state, told(product, "request").reason) == (State.WAITING, "ждёт отчёта UIS")
    row = next(row for row in product.sandbox.uis.offline_messages if str(row["id"]) == story.id)
    report(product, "offline_messages_report", row)
    product.work()
    assert told(product, "request").state == State.DONE
    assert len(sent(product, "crm.item.add")) == 1
