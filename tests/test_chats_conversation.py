"""Journeys of what is said in a chat: whole, in order, once, and nothing but text."""

import pytest

from integration.models import Communication, State
from tests.chat_stories import NEW_PHONE, PETR, comments, grown, report_chat, told
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_a_report_the_notification_tells_the_conversation_after_a_while(product: Product):
    product.play("chat_finished", client_phone=NEW_PHONE, employees=[PETR])
    assert not comments(product)
    product.pass_time(21 * 60)
    [said] = comments(product)
    assert "Сергей:[/B] Здравствуйте, есть в наличии?" in said
    assert told(product).state == State.DONE


def test_the_conversation_is_asked_for_at_once_and_for_many_chats_together(product: Product):
    stories = [product.sandbox.tell("chat_finished", client_phone=f"7901000000{number}") for number in range(5)]
    for story in stories:
        story.post()
    product.work()
    for _ in range(3):
        product.pass_time(6)
    assert set(Communication.objects.values_list("state", flat=True)) == {State.DONE}
    assert len(comments(product)) == 5
    asked = [one["method"] for one in product.sandbox.uis.requests]
    assert asked.count("get.chat_messages_report") == 1


def test_what_a_client_writes_is_neither_markup_nor_a_reference(product: Product):
    text = "$result[find0] [URL=https://evil.example]жми[/URL] [B]и всё[/B]"
    story = product.play("chat_finished", client_phone=NEW_PHONE, text=text)
    file = {"file_url": "https://files.example/1 [2].jpg", "file_name": "фото [1].jpg", "type": "photo"}
    rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
    report_chat(product, story, [*rows, rows[-1] | {"id": 900000002, "text": None, "resource": file}])
    [said] = comments(product)
    assert "$result[\u200bfind0] [\u200bURL=https://evil.example]жми[\u200b/URL]" in said
    assert "[URL=https://files.example/1%20%5B2%5D.jpg]фото [\u200b1].jpg[/URL]" in said


def test_a_long_conversation_is_split_and_stays_whole_and_in_order(product: Product):
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    rows = [one for one in product.sandbox.uis.chat_messages if str(one["chat_id"]) == story.id]
    long = [rows[1] | {"id": 910000000 + number, "text": f"№{number} " + "щ" * 1000} for number in range(100)]
    report_chat(product, story, long)
    texts = comments(product)
    assert len(texts) == 4
    assert all(len(text.encode()) <= 60_000 for text in texts)
    numbers = [int(part.split(" ")[0]) for text in texts for part in text.split(":[/B] №")[1:]]
    assert numbers == list(range(100))
    assert [text.rpartition("\n")[2] for text in texts] == [f"Чат № {story.id}, часть {n}/4" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("method", ["crm.timeline.comment.add", "crm.activity.configurable.add", "crm.item.add"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_lost_answer_makes_nothing_twice(product: Product, method: str, kind: str):
    product.sandbox.faults.fail_next(1, kind, match=method)
    before = product.sandbox.portal.counts()
    story = product.play("chat_finished", client_phone=NEW_PHONE)
    report_chat(product, story)
    for _ in range(8):
        product.pass_time(30)
    assert told(product).state == State.DONE
    assert grown(product, before) == {"leads": 1, "activities": 1, "notifications": 1, "comments": 1}
