"""Journeys of calls through the settings of the tab Телефония: setting in → exact effect in the portal out."""

from typing import Any

import pytest

from crm_bitrix import synchronise
from crm_bitrix.models import BitrixItem
from integration.models import FieldMapping, ResponsibleRule, SettingsTab, State, UisItem
from integration.trace import explain
from tests.conftest import Product
from tests.sandbox.defaults import KNOWN_PHONE, LEAD_PHONE
from tests.sandbox.methods_im import add_chat

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


def set_options(product: Product, **options: Any) -> None:
    tab = SettingsTab.objects.get(credential=product.credential, tab="telephony")
    tab.options = {**tab.options, **options}
    tab.save()


def add_field(product: Product, code: str, **data: Any) -> None:
    BitrixItem.objects.create(
        portal=product.portal, kind="field", code=code, name=code, data={"type": "string", **data}
    )


def map_field(product: Product, position: int, **row: Any) -> None:
    FieldMapping.objects.create(stream=product.stream(), position=position, **row)


def test_mapped_fields_are_written_at_birth_and_those_of_the_end_at_the_end(product: Product):
    add_field(product, "lead.UF_CRM_NUMBER")
    add_field(product, "lead.UF_CRM_RESULT")
    add_field(product, "lead.UF_CRM_CHANNEL")
    map_field(product, 0, fact="virtual_phone_number", object="lead", field="UF_CRM_NUMBER")
    map_field(product, 1, fact="result", object="lead", field="UF_CRM_RESULT", values={"missed": "пропущен"})
    map_field(product, 2, constant="Телефония", object="lead", field="UF_CRM_CHANNEL")

    product.play("missed_call", client_phone=NEW_PHONE, employees=[PETR])

    [born] = sent(product, "crm.item.add")
    assert born["fields"]["UF_CRM_NUMBER"] == "+74950000010"
    assert born["fields"]["UF_CRM_CHANNEL"] == "Телефония"
    assert "UF_CRM_RESULT" not in born["fields"]
    [corrected] = sent(product, "crm.item.update")
    assert corrected["fields"]["UF_CRM_RESULT"] == "пропущен"


def test_a_field_that_vanished_is_skipped_with_a_warning_and_the_call_goes_through(product: Product):
    map_field(product, 0, fact="virtual_phone_number", object="lead", field="UF_CRM_GONE")
    story = product.play("answered_call", client_phone=NEW_PHONE)
    call = product.call(story)
    assert call.state == State.DONE
    entry = next(entry for entry in call.trace if entry["step"] == "mapping")
    assert (entry["warnings"][0]["field"], entry["warnings"][0]["reason"]) == ("UF_CRM_GONE", "no_field")


def test_a_found_client_gets_what_is_empty_and_keeps_what_is_there(product: Product):
    lead_id = next(
        number for number, item in product.sandbox.portal.crm.items[1].items() if item["title"] == "Заявка с выставки"
    )
    for code, policy in (("comments", "append"), ("sourceDescription", "if_empty")):
        add_field(product, f"lead.{code}", type="text")
        map_field(product, len(code), constant="звонил", object="lead", field=code, policy=policy)
    product.sandbox.portal.crm.items[1][lead_id]["comments"] = "важный"
    product.play("answered_call", client_phone=LEAD_PHONE.lstrip("+"))
    item = product.sandbox.portal.crm.items[1][lead_id]
    assert item["comments"] == "важный\nзвонил"
    assert item["sourceDescription"] == "звонил"


def test_who_talked_becomes_responsible_at_the_end_unless_somebody_was_faster(product: Product):
    ResponsibleRule.objects.create(
        stream=product.stream(), position=0, name="Кто говорил", assign={"to": "talked", "which": "last"}
    )
    story = product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    [born] = sent(product, "crm.item.add")
    assert str(born["fields"]["assignedById"]) == "12"  # whose phone rings
    assert product.call(story).responsible_id == 12
    assert not sent(product, "crm.item.update")

    other = product.sandbox.tell("answered_call", client_phone="79001114455", employees=[PETR])
    end = [body["event"] for body in other.bodies].index("call_session_finished")
    other.post(range(end))
    product.work()
    ResponsibleRule.objects.update(assign={"to": "user", "user": 15})
    lead = max(product.sandbox.portal.crm.items[1])
    product.sandbox.portal.crm.items[1][lead]["assignedById"] = 1  # a manager took it over meanwhile
    other.post(range(end, len(other.steps)))
    product.work()
    assert product.sandbox.portal.crm.items[1][lead]["assignedById"] == 1


def test_what_is_made_while_the_phone_rings_belongs_to_whom_it_rings_now(product: Product):
    ResponsibleRule.objects.create(
        stream=product.stream(), position=0, name="Кто говорил", assign={"to": "talked", "which": "last"}
    )
    story = product.sandbox.tell("missed_call", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    rang = story.body("call_proceeding")
    product.notify({**story.body("in_call_session")})
    product.notify({**rang, "employee_id": PETR, "leg_id": 1})
    product.notify({**story.body("call_disconnected"), "employee_id": PETR, "leg_id": 1})
    product.notify({**rang, "employee_id": ANNA, "leg_id": 2})
    product.work()
    assert [str(params["fields"]["assignedById"]) for params in sent(product, "crm.item.add")] == ["15"]


def test_who_talked_is_found_although_nothing_tells_for_how_long(product: Product):
    ResponsibleRule.objects.create(
        stream=product.stream(), position=0, name="Кто говорил", assign={"to": "talked", "which": "last"}
    )
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    for body in story.bodies:
        if body["event"] != "talk_finished":  # lost, or behind the end of the call
            product.notify(body)
            product.work()
    assert product.call(story).responsible_id == 12


def test_owners_of_existing_objects_are_changed_only_by_choice(product: Product):
    product.credential.streams.filter(kind="incoming").update(default_responsible_id=15)
    product.play("answered_call", client_phone=KNOWN_PHONE.lstrip("+"))
    assert not sent(product, "crm.item.update")
    product.credential.streams.filter(kind="incoming").update(change_responsible_of=["contact"])
    product.play("answered_call", client_phone=KNOWN_PHONE.lstrip("+"))
    [changed] = sent(product, "crm.item.update")
    assert (str(changed["entityTypeId"]), str(changed["fields"]["assignedById"])) == ("3", "15")


@pytest.mark.parametrize(
    ("reader", "method"), [("operators", "im.message.add"), ("client", "imopenlines.crm.message.add")]
)
def test_a_missed_call_is_told_in_the_open_line_chat_once(product: Product, reader: str, method: str):
    set_options(
        product,
        missed_call_message={"active": True, "reader": reader, "text": "Звонил {{contact_phone_number}}"},
    )
    contact_id = next(
        number for number, item in product.sandbox.portal.crm.items[3].items() if KNOWN_PHONE in str(item["fm"])
    )
    chat_id = add_chat(product.sandbox.portal, (3, contact_id))

    product.play("missed_call", client_phone=KNOWN_PHONE.lstrip("+"))

    [message] = sent(product, method)
    assert message["MESSAGE"] == "Звонил +7 900 000-00-01"
    assert str(chat_id) in str(message)
    other = {"operators": "imopenlines.crm.message.add", "client": "im.message.add"}[reader]
    assert not sent(product, other)


def test_a_missed_call_of_a_client_without_a_chat_is_notified_and_the_trace_says_so(product: Product):
    set_options(product, missed_call_message={"active": True, "reader": "operators", "text": ""})
    story = product.play("missed_call", client_phone=KNOWN_PHONE.lstrip("+"))
    assert not sent(product, "im.message.add")
    assert len(sent(product, "im.notify.system.add")) == 1
    call = product.call(story)
    assert {"step": "chat", "chat_id": None} in call.trace
    steps = [step for decision in explain(call.trace, user_name=str) for step in decision]
    assert [step.text for step in steps if step.title == "Чат открытой линии"] == [
        "активного чата у клиента нет: о звонке говорит только оповещение"
    ]


def test_a_message_to_a_client_whose_outcome_is_unknown_is_never_sent_twice(product: Product):
    set_options(product, missed_call_message={"active": True, "reader": "client", "text": ""})
    contact_id = next(
        number for number, item in product.sandbox.portal.crm.items[3].items() if KNOWN_PHONE in str(item["fm"])
    )
    add_chat(product.sandbox.portal, (3, contact_id))
    product.sandbox.faults.fail_next(1, "drop_after", match="imopenlines.crm.message.add")
    story = product.play("missed_call", client_phone=KNOWN_PHONE.lstrip("+"))
    for _ in range(20):
        product.pass_time(30)
    assert len(product.sandbox.portal.commands("imopenlines.crm.message.add")) == 1
    assert product.call(story).state == State.DONE
    assert "исход неизвестен" in product.call(story).actions.get(key="chat:say").error


def test_a_transcript_is_attached_once(product: Product):
    story = product.play("answered_call", client_phone=NEW_PHONE)
    body = {
        "event": "call_session_recognized",
        "call_session_id": story.call_session_id,
        "call_session_recognized_text_array": [
            {"is_operator": True, "start_time": "2026-03-16 10:15:18", "phrase": "Добрый день"},
            {"is_operator": False, "start_time": "2026-03-16 10:15:22", "phrase": "Здравствуйте"},
        ],
    }
    for _ in range(3):
        product.notify(body)
        product.work()
    [attached] = sent(product, "telephony.call.attachTranscription")
    said = [
        (one["SIDE"], str(one["START_TIME"]), str(one["STOP_TIME"]), one["MESSAGE"]) for one in attached["MESSAGES"]
    ]
    assert said == [("User", "0", "4", "Добрый день"), ("Client", "4", "5", "Здравствуйте")]


def test_a_text_that_looks_like_a_reference_goes_alone_and_untouched(product: Product):
    from tests.conftest import set_title

    set_title(product.stream(), "answered", "$result[find0] {{contact_phone_number}}")
    product.play("answered_call", client_phone=NEW_PHONE)
    lead = max(product.sandbox.portal.crm.items[1])
    assert product.sandbox.portal.crm.items[1][lead]["title"] == "$result[find0] +7 900 111-22-33"


def test_in_the_webrtc_mode_the_card_opens_on_answer(product: Product):
    set_options(product, mode="webrtc")
    product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    [registered] = sent(product, "telephony.externalCall.register")
    assert str(registered["SHOW"]) == "0"
    [shown] = sent(product, "telephony.externalCall.show")
    assert shown["USER_ID"] == ["12"]


def test_records_can_be_switched_off(product: Product):
    set_options(product, records=False)
    product.play("answered_call", client_phone=NEW_PHONE)
    product.pass_time()
    assert not sent(product, "telephony.externalCall.attachRecord")


def test_a_hidden_number_makes_no_object_and_tells_the_default_responsible(product: Product):
    story = product.sandbox.tell("missed_call")
    for body in story.bodies:
        product.notify({**body, "contact_phone_number": "anonymous"})
        product.work()
    call = product.call(story)
    assert (call.state, call.reason) == (State.IGNORED, "номер клиента скрыт")
    assert not sent(product, "telephony.externalCall.register")
    [notice] = sent(product, "im.notify.system.add")
    assert str(notice["USER_ID"]) == "1"


def test_a_hidden_number_is_told_to_the_administrator_when_the_default_responsible_has_left(product: Product):
    synchronise.run(synchronise.start(product.portal, by="Мария Орлова"))
    product.credential.streams.update(default_responsible_id=15)
    BitrixItem.objects.filter(portal=product.portal, kind="user", code="15").update(data={"is_active": False})
    for body in product.sandbox.tell("missed_call").bodies:
        product.notify({**body, "contact_phone_number": "anonymous"})
        product.work()
    assert [str(notice["USER_ID"]) for notice in sent(product, "im.notify.system.add")] == ["1"]


def test_an_outgoing_call_to_a_short_number_is_told_to_nobody(product: Product):
    story = product.sandbox.tell("outgoing_unanswered", employees=[PETR])
    for body in story.bodies:
        product.notify({**body, "contact_phone_number": "112"})
        product.work()
    assert (product.call(story).state, product.call(story).reason) == (
        State.IGNORED,
        "набран не телефонный номер, а короткий или внутренний: в CRM не передаётся",
    )
    assert not sent(product, "im.notify.system.add")
    assert not sent(product, "telephony.externalCall.register")


@pytest.mark.parametrize(
    ("source", "call_type"),
    [("va", "2"), ("call_tracking", "2"), ("sitephone", "4"), ("auto_back_call_by_lost_call", "4")],
)
def test_a_call_that_the_client_ordered_back_is_a_callback_to_the_portal(product: Product, source: str, call_type: str):
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    for body in story.bodies:
        product.notify({**body, **({"call_source": source} if "call_source" in body else {})})
        product.work()
    assert [str(params["TYPE"]) for params in sent(product, "telephony.externalCall.register")] == [call_type]


def test_a_call_that_went_to_an_outside_number_is_registered_at_its_end_as_redirected(product: Product):
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE)
    product.sandbox.uis.legs.clear()
    product.sandbox.uis.calls[-1] |= {
        "employees": [],
        "last_talked_employee_id": None,
        "first_talked_employee_id": None,
    }
    for event in ("in_call_session", "call_session_finished"):
        product.notify({**story.body(event), "employee_id": None, "last_talked_employee_id": None})
        product.work()
    [registered] = sent(product, "telephony.externalCall.register")
    assert (str(registered["TYPE"]), str(registered["SHOW"]), str(registered["USER_ID"])) == ("3", "0", "1")
    assert [params["STATUS_CODE"] for params in sent(product, "telephony.externalCall.finish")] == ["200"]


def test_a_call_between_own_numbers_is_not_carried_over(product: Product):
    UisItem.objects.create(credential=product.credential, kind="number", code="+74950000020", name="Склад", data={})
    story = product.play("answered_call", client_phone="74950000020")
    assert (product.call(story).state, product.call(story).reason) == (
        State.IGNORED,
        "внутренний звонок: в CRM не передаётся",
    )
    assert not sent(product, "telephony.externalCall.register")


def test_a_virtual_number_becomes_a_source_of_the_crm(product: Product):
    set_options(product, number_as_source=True)
    assert synchronise.run_now(product.portal, by="test").state == "done"
    product.play("answered_call", client_phone=NEW_PHONE, virtual_number="74950000020")
    [lead] = sent(product, "crm.item.add")
    assert lead["fields"]["sourceId"] == "UIS_74950000020"
    assert lead["fields"]["sourceDescription"] == "+74950000020"
    added = [params["fields"]["STATUS_ID"] for params in sent(product, "crm.status.add")]
    assert sorted(added) == ["UIS_74950000010", "UIS_74950000020"]
    synchronise.run_now(product.portal, by="test")
    assert len(sent(product, "crm.status.add")) == 2


def test_an_employee_whom_nobody_knows_brings_a_synchronisation(product: Product):
    from crm_bitrix.models import SyncRun
    from integration.models import EmployeeLink

    product.play("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    assert not SyncRun.objects.exists()
    EmployeeLink.objects.filter(uis_employee_id=ANNA).delete()
    product.play("answered_call", client_phone="79001114455", employees=[ANNA])
    assert SyncRun.objects.count() == 1
