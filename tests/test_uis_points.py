"""The points of a UIS account, and reading a method page by page within them."""

import json
from datetime import timedelta

import pytest
import responses
import time_machine
from django.utils import timezone

from integration import lanes, uis_methods, uis_points
from integration.models import Lane
from integration.remote import Outcome
from integration.uis import ShortRead, Uis, UisError, pages
from tests.uis_answers import (
    CALL,
    DATA,
    KEY,
    NOW,
    answer,
    click,
    in_database,
    lane,
    sample,
    sent,
    uis,
)

__all__ = ["lane", "uis"]

LIMITS = {"minute_limit": 100, "minute_remaining": 99, "minute_reset": 42}
LIMITS |= {"day_limit": 5000, "day_remaining": 4990, "day_reset": 40000}


@in_database
@responses.activate
@time_machine.travel(NOW, tick=False)
def test_points_of_an_answer_are_kept_in_the_lane_less_the_reserve(lane):
    responses.post(DATA, json=sample("get_account.response"))
    uis_methods.account(Uis("uis", KEY, lane=lane))
    row = Lane.objects.get(name=lane)
    assert (row.bucket_level, row.bucket_at, row.paused_until) == (89, NOW + timedelta(seconds=42), None)


@in_database
@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("changes", "level", "seconds"),
    [
        ({}, 89, 42),
        ({"minute_remaining": 10}, 0, 42),
        ({"minute_remaining": 0}, 0, 42),
        ({"day_remaining": 505}, 5, 42),
        ({"day_remaining": 500}, 0, 40000),
        ({"day_remaining": 0, "minute_remaining": 99}, 0, 40000),
        ({"day_remaining": None}, 89, 42),
        ({"minute_reset": -5}, 89, 1),
        ({"minute_reset": 10**9}, 89, 90000),
    ],
)
def test_what_may_be_spent_and_until_when(lane, changes, level, seconds):
    uis_points.note(lane, {**LIMITS, **changes})
    row = Lane.objects.get(name=lane)
    until = NOW + timedelta(seconds=seconds)
    assert (row.bucket_level, row.bucket_at) == (level, until)
    assert row.paused_until == (until if level == 0 else None)


@in_database
@pytest.mark.parametrize(
    "limits", [{}, {"minute_limit": "x"}, {"minute_limit": 5}, {"day_limit": 5, "day_remaining": 4}]
)
def test_limits_that_say_nothing_change_nothing(lane, limits):
    uis_points.note(lane, limits)
    assert Lane.objects.get(name=lane).bucket_at is None


@in_database
def test_points_make_the_row_of_a_lane_that_has_none():
    uis_points.note("uis:8", LIMITS)
    assert Lane.objects.get(name="uis:8").bucket_level == 89


@in_database
@responses.activate
def test_a_poll_is_not_sent_when_points_are_known_to_be_gone(lane):
    with time_machine.travel(NOW, tick=False) as clock:
        uis_points.note(lane, {**LIMITS, "minute_remaining": 11})
        responses.post(DATA, json=answer([], total=0))
        access = Uis("uis", KEY, lane=lane)
        assert uis_methods.sites(access) == ()  # the last point above the reserve
        with pytest.raises(UisError) as caught:
            uis_methods.sites(access)
        assert (caught.value.retry_at, caught.value.outcome) == (NOW + timedelta(seconds=42), Outcome.NOT_SENT)
        assert len(responses.calls) == 1
        clock.shift(42)
        assert uis_methods.sites(access) == ()


@in_database
@responses.activate
@time_machine.travel(NOW, tick=False)
def test_urgent_questions_and_calls_use_the_reserve(lane):
    uis_points.exhausted(lane, NOW + timedelta(hours=1))
    responses.post(DATA, json=sample("get_account.response"))
    responses.post(CALL, json=sample("start_employee_call.response"))
    access = Uis("uis", KEY, lane=lane)
    assert uis_methods.account(access).app_id == 100200
    assert click(access) == 5000000107


@in_database
@responses.activate
@time_machine.travel(NOW, tick=False)
def test_points_whose_return_uis_does_not_tell_are_asked_for_after_a_minute(lane):
    body = sample("error.limit_exceeded")
    body["error"]["data"]["metadata"] = {}
    responses.post(DATA, json=body)
    with pytest.raises(UisError) as caught:
        uis_methods.employees(Uis("uis", KEY, lane=lane))
    assert caught.value.retry_at is None
    assert Lane.objects.get(name=lane).paused_until == NOW + timedelta(minutes=1)


@in_database
@responses.activate
@pytest.mark.fault(37)
@pytest.mark.parametrize(("changes", "seconds"), [({}, 17), ({"limit_type": "day"}, 40000)])
@time_machine.travel(NOW, tick=False)
def test_exhausted_points_put_the_lane_to_sleep_until_they_are_back(lane, changes, seconds):
    body = sample("error.limit_exceeded")
    body["error"]["data"]["params"].update(changes)
    responses.post(DATA, json=body)
    with pytest.raises(UisError) as caught:
        uis_methods.employees(Uis("uis", KEY, lane=lane))
    until = NOW + timedelta(seconds=seconds)
    assert (caught.value.retry_at, caught.value.is_hold, caught.value.is_permanent) == (until, True, False)
    row = Lane.objects.get(name=lane)
    assert (row.paused_until, row.bucket_level, row.bucket_at) == (until, 0, until)
    assert lanes.acquire(lane) is None


@in_database
def test_a_longer_pause_is_not_cut_short(lane):
    later = timezone.now() + timedelta(days=1)
    Lane.objects.filter(name=lane).update(paused_until=later, pause_reason="x")
    uis_points.exhausted(lane, timezone.now() + timedelta(seconds=5))
    row = Lane.objects.get(name=lane)
    assert (row.paused_until, row.pause_reason) == (later, "x")


@in_database
@responses.activate
def test_limits_of_the_call_api_are_another_bucket(lane):
    responses.post(CALL, json=sample("start_employee_call.response"))
    click(Uis("uis", KEY, lane=lane))
    assert Lane.objects.get(name=lane).bucket_at is None


def serve_rows(count, *, total=None, limits=None, lose=0):
    """A vendor with so many rows; `total` is what it says, `lose` rows are missing in every page."""

    def reply(request):
        params = json.loads(request.body)["params"]
        begin = params["offset"]
        rows = [{"id": i} for i in range(begin, min(count, begin + params["limit"] - lose))]
        return 200, {}, json.dumps(answer(rows, total=total, **(limits or {})))

    responses.add_callback("POST", DATA, reply)


@responses.activate
@pytest.mark.parametrize(("count", "requests_sent"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_pages_read_everything(uis, count, requests_sent):
    serve_rows(count, total=count)
    assert [row["id"] for page in pages(uis, "get.tags", {}) for row in page] == list(range(count))
    assert len(responses.calls) == requests_sent


@responses.activate
@pytest.mark.parametrize(("count", "requests_sent"), [(0, 1), (999, 1), (1000, 2), (1001, 2)])
def test_pages_without_a_total_read_until_a_page_is_not_full(uis, count, requests_sent):
    serve_rows(count)
    assert sum(len(page) for page in pages(uis, "get.tags", {})) == count
    assert len(responses.calls) == requests_sent


@responses.activate
@pytest.mark.parametrize(("count", "total", "lose"), [(0, 5, 0), (5, 6, 0), (1500, 2000, 0), (2500, 2500, 1)])
def test_a_short_read_is_an_error(uis, count, total, lose):
    serve_rows(count, total=total, lose=lose)
    with pytest.raises(ShortRead) as caught:
        list(pages(uis, "get.tags", {}))
    assert not caught.value.is_permanent


@responses.activate
def test_more_rows_than_uis_can_page_through_is_an_error(uis):
    serve_rows(200_000, total=200_000)
    with pytest.raises(ShortRead, match="narrow the window") as caught:
        list(pages(uis, "get.tags", {}))
    assert caught.value.is_permanent
    assert sent()["params"]["offset"] == 100_000


@responses.activate
def test_pages_ask_for_the_fields(uis):
    serve_rows(0, total=0)
    list(pages(uis, "get.employees", {"filter": {}}, ("id", "email")))
    expected = {"access_token": KEY, "filter": {}, "fields": ["id", "email"], "limit": 1000, "offset": 0}
    assert sent()["params"] == expected
