"""Journeys of recordings: several, late, refused, for days not to be had."""

from typing import Any

import pytest

from integration.models import State
from telephony.models import Record
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
NEW_PHONE = "79001112233"
ANNA, PETR = 700102, 700101
ATTACH, NOTE = "telephony.externalCall.attachRecord", "crm.timeline.note.save"


def sent(product: Product, method: str) -> list[dict[str, Any]]:
    return [record.params for record in product.sandbox.portal.commands(method, ok=True)]


def states(product: Product) -> dict[str, str]:
    return {record.record_id: record.state for record in Record.objects.all()}


def name_of(link: str) -> str:
    return link.rpartition("/")[2]


def transfer(product: Product, *, full: str | None = None) -> tuple[Any, list[str]]:
    """A call that was handed over, and the links of its two recordings, the second the longer one."""
    story = product.sandbox.tell("transfer", client_phone=NEW_PHONE, employees=[PETR, ANNA])
    product.sandbox.uis.calls[-1]["full_record_file_link"] = full
    links = [body["file_link"] for body in story.bodies if body["event"] == "talk_record_file"]
    return story, links


def test_of_several_recordings_the_longest_is_attached_and_the_others_are_links_in_one_note(product: Product):
    story, [short, long] = transfer(product)
    for number in range(len(story.steps)):
        story.post([number])
        product.work()
        product.pass_time(6)
    product.pass_time(100)

    assert sent(product, NOTE)[-1]["text"] == f"Другие записи этого звонка:\n{short}"
    assert len({str(note["itemId"]) for note in sent(product, NOTE)}) == 1  # written again, it is still one
    assert states(product) == {name_of(short): Record.State.LINKED, name_of(long): Record.State.DONE}
    assert len(sent(product, "telephony.externalCall.finish")) == 1


def test_the_record_of_the_whole_conversation_takes_the_place_of_the_longest_leg(product: Product):
    story, [short, long] = transfer(product)
    row = product.sandbox.uis.calls.pop()  # the report comes late
    whole = f"{long[:-1]}{'0' if long[-1] != '0' else '1'}"
    story.post()
    product.work()
    product.sandbox.faults.media = "404"  # UIS has the legs ready later than the whole
    product.pass_time(100)
    assert states(product) == {name_of(long): Record.State.WAITING}
    product.sandbox.uis.calls.append(row | {"full_record_file_link": whole})
    for _ in range(3):
        product.pass_time(250)
    assert states(product)[name_of(long)] == Record.State.LINKED
    product.sandbox.faults.media = ""
    product.pass_time(3600)
    assert states(product) == {name_of(long): Record.State.LINKED, name_of(whole): Record.State.DONE}
    assert [name_of(link) for link in sorted(sent(product, NOTE)[-1]["text"].splitlines()[1:])] == sorted(
        map(name_of, (short, long))
    )


def test_a_record_that_comes_a_day_later_is_attached_to_the_finished_call(product: Product):
    story = product.sandbox.tell("answered_call", client_phone=NEW_PHONE, employees=[PETR])
    product.sandbox.uis.calls[-1] |= {"full_record_file_link": None, "call_records": []}
    late = [body["event"] for body in story.bodies].index("talk_record_file")
    story.post(range(late))
    product.work()
    product.pass_time(100)
    assert (product.call(story).state, states(product)) == (State.DONE, {})
    product.pass_time(24 * 3600)
    story.post([late])
    product.work()
    product.pass_time(1)
    [call_id] = [params["CALL_ID"] for params in sent(product, ATTACH)]
    assert product.sandbox.portal.telephony.records.keys() == {call_id}
    assert list(states(product).values()) == [Record.State.DONE]


@pytest.mark.parametrize("refused_by", ["portal", "uis"])
def test_a_record_that_is_refused_is_tried_again_for_days_and_then_by_hand(product: Product, refused_by: str):
    if refused_by == "uis":
        product.sandbox.faults.media = "500"
    else:
        product.sandbox.faults.fail_always("500", match=ATTACH)
    story = product.play("answered_call", client_phone=NEW_PHONE)
    seconds = 0
    for wait in (1, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, *[12 * 3600] * 5):
        product.pass_time(wait)
        seconds += wait
    record = Record.objects.get()
    assert (record.state, record.attempts) == (Record.State.FAILED, 12)
    assert record.error.startswith("портал не принял" if refused_by == "portal" else "запись не получена")
    assert seconds > 2 * 24 * 3600
    assert product.call(story).state == State.DONE

    product.sandbox.faults.clear()
    product.sandbox.faults.media = ""
    record.state, record.due_at, record.attempts = Record.State.WAITING, product.call(story).started_at, 0
    record.save()
    product.pass_time(1)
    record.refresh_from_db()
    assert record.state == Record.State.DONE
