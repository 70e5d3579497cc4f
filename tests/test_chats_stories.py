"""The stories of chats and requests that the sandbox's page offers, each played to its end."""

import re

import pytest
import requests

from integration.models import Communication, State
from tests.conftest import Product
from tests.sandbox.stories import SERIES
from tests.sandbox.story_chats import CHATS

ENDS = {
    "chat_new": (State.WAITING, "ждёт, что оператор возьмёт чат"),
    "chat_taken": (State.WAITING, "идёт чат"),
    "chat_finished": (State.DONE, "создан лид"),
    "chat_moved": (State.DONE, "создан лид"),
    "chat_reopened": (State.DONE, "создан лид"),
    "lost_chat": (State.DONE, "создан лид"),
    "chat_silent": (State.DONE, "создан лид"),
    "chat_without_contacts": (State.WAITING, "ждёт контактов"),
    "chat_in_messenger": (State.DONE, "создан лид"),
    "offline_request": (State.DONE, "создан лид"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", CHATS)
def test_each_story_ends_as_it_should(product: Product, kind: str):
    product.sandbox.play(kind)
    product.work()
    for _ in range(2):
        product.pass_time(6)
    told = Communication.objects.get()
    assert (told.state, told.reason) == ENDS[kind]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "made"), [("leads", [1, 0, 0]), ("deals", [0, 1, 1])])
def test_chat_request_and_call_in_the_same_second_make_one_client_with_one_open_object(
    product: Product, mode: str, made: list[int]
):
    product.sandbox.portal.leads_on = mode == "leads"
    product.portal.crm_mode = mode
    product.portal.save()
    product.sandbox.faults.crm_search_lag_seconds = 60
    before = product.sandbox.portal.counts()
    product.sandbox.play("same_second")
    product.work()
    for _ in range(3):
        product.pass_time(40)
    assert sorted(Communication.objects.values_list("kind", "state")) == [
        ("call", State.DONE),
        ("chat", State.DONE),
        ("request", State.DONE),
    ]
    after = product.sandbox.portal.counts()
    assert [after[name] - before[name] for name in ("leads", "deals", "contacts")] == made


def test_two_hundred_chats_are_one_button(sandbox):
    sandbox.play("chats_at_once")
    assert {(story.kind, len(story.statuses)) for story in sandbox.stories} == {("chat_finished", 3)}
    assert len({story.phone for story in sandbox.stories}) == len(sandbox.stories) == 200


def test_the_page_has_a_button_for_each_story_with_words_in_both_languages(sandbox):
    page, words = (requests.get(f"{sandbox.url}/static/{name}.js", timeout=5).text for name in ("page", "words"))
    group = re.search(r"chats: \[(.*?)\]", page, re.DOTALL)
    assert group is not None
    assert set(re.findall(r'"(\w+)"', group[1])) == {*CHATS, *SERIES}
    assert {name: len(re.findall(rf"\b{name}: ", words)) for name in (*CHATS, *SERIES)} == dict.fromkeys(
        (*CHATS, *SERIES), 2
    )
