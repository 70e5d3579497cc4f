"""Journeys of the synchronisation: what is asked of both sides, what is written, and what never gets lost."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from crm_bitrix import side_work, synchronise
from crm_bitrix.models import BitrixItem, RequestLog, SyncRun
from integration import lanes
from integration.models import EmployeeLink, Lane, Portal, Stream, UisItem
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
State = SyncRun.State


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that the queue was asked to work on."""
    asked: list[int] = []
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda _task, pk, **_options: asked.append(pk))
    return asked


def sync(product: Product) -> SyncRun:
    return synchronise.run(synchronise.start(product.portal, by="Мария Орлова"))


def stage(run: SyncRun, name: str) -> dict[str, Any]:
    return next(each for each in run.stages if each["name"] == name)


def known(product: Product, kind: str) -> set[str]:
    items = BitrixItem.objects.filter(portal=product.portal, kind=kind, missing_since__isnull=True)
    return set(items.values_list("code", flat=True))


def requests(product: Product) -> int:
    return len(product.sandbox.portal.requests)


def test_everything_of_a_usual_portal_comes_with_one_request_and_its_lines_with_another(product: Product):
    run = sync(product)

    assert (run.state, run.error) == (State.DONE, "")
    assert requests(product) == 2
    assert known(product, "user") == {"1", "12", "15"}
    assert known(product, "department") == {"1", "5"}
    assert known(product, "pipeline") == {"0", "3"}
    assert {"STATUS:NEW", "DEAL_STAGE:NEW", "DEAL_STAGE_3:C3:NEW"} <= known(product, "stage")
    assert "CALL" in known(product, "source")
    assert "HONORIFIC:HNR_RU_1" in known(product, "status")
    assert {"lead.utmSource", "deal.UF_CRM_1700000001", "contact.PHONE", "company.title"} <= known(product, "field")
    assert known(product, "openline") == {"1", "2"}
    assert known(product, "line") == {"+74950000010", "+74950000020"}
    items = UisItem.objects.filter(credential=product.credential)
    assert set(items.filter(kind="employee").values_list("code", flat=True)) == {"700101", "700102"}
    assert items.get(code="700101").data["lines"] == [{"number": "000001", "is_active": True}]
    assert items.filter(kind="channel").count() == 2
    assert stage(run, "bitrix")["counts"]["user"] == 3
    assert all(each["state"] == "done" and each["done"] == each["total"] for each in run.stages)


def test_the_second_time_one_request_does_and_few_statements(product: Product, django_assert_max_num_queries: Any):
    sync(product)
    product.sandbox.portal.clear_log()

    with django_assert_max_num_queries(75):
        run = sync(product)

    assert requests(product) == 1
    assert all(
        change[name] == 0
        for change in run.changes["portal"].values()
        for name in ("added", "changed", "removed", "returned")
    )


@pytest.mark.parametrize("is_known", [False, True])
def test_ten_thousand_users_take_five_requests(product: Product, is_known: bool):
    if is_known:
        sync(product)
    product.sandbox.portal.add_users(10_000)
    product.sandbox.portal.clear_log()

    run = sync(product)

    assert requests(product) == 5
    assert run.state == State.DONE
    assert len(known(product, "user")) == 10_003
    assert known(product, "line") == {"+74950000010", "+74950000020"}


def test_ten_thousand_users_without_gaps_in_their_numbers_take_five_requests_and_few_statements(
    product: Product, django_assert_max_num_queries: Any
):
    product.sandbox.portal.add_users(10_000, first_id=16)

    with django_assert_max_num_queries(300):  # on SQLite a statement takes 999 values: 60 for the users alone
        run = sync(product)

    assert (requests(product), run.state) == (5, State.DONE)
    assert len(known(product, "user")) == 10_003


def test_a_short_read_of_users_is_told_and_touches_no_user(product: Product, monkeypatch: pytest.MonkeyPatch):
    sync(product)
    from tests.sandbox import methods_basic
    from tests.sandbox.registry import METHODS, Rows

    def short(ctx: Any, params: Any) -> Rows:
        rows = methods_basic.user_get(ctx, params)
        return Rows([row for row in rows.result if row["ID"] != "15"], rows.total, rows.next)

    monkeypatch.setitem(METHODS, "user.get", short)
    run = sync(product)

    assert run.state == State.DONE
    assert any(text.startswith("user: пришло 2 из 3") for text in stage(run, "bitrix")["problems"])
    assert known(product, "user") == {"1", "12", "15"}
    assert "user" not in run.changes["portal"]


def test_a_refused_kind_is_told_and_the_others_are_read(product: Product):
    sync(product)
    product.sandbox.portal.departments.append({"ID": "7", "NAME": "Склад", "SORT": 500, "PARENT": "1"})
    for token in product.sandbox.portal.tokens.values():
        token.scopes = token.scopes - {"imopenlines"}

    run = sync(product)

    assert run.state == State.DONE
    assert any(
        text.startswith("openline: портал отказал: insufficient_scope") for text in stage(run, "bitrix")["problems"]
    )
    assert known(product, "openline") == {"1", "2"}
    assert run.changes["portal"]["department"]["names"]["added"] == ["Склад"]


def test_what_vanishes_is_marked_and_comes_back_unmarked(product: Product):
    sync(product)
    stream = product.stream()
    stream.default_responsible_id = 15
    stream.save()
    gone = product.sandbox.portal.users.pop(15)

    run = sync(product)

    anna = BitrixItem.objects.get(portal=product.portal, kind="user", code="15")
    assert anna.missing_since is not None
    assert run.changes["portal"]["user"]["names"]["removed"] == ["Анна Смирнова"]
    paths = [(each["path"], each["what"]) for each in run.changes["affected"]]
    assert paths == [("main.employees[1].bitrix", "gone"), ("telephony.incoming.responsible.default", "gone")]

    product.sandbox.portal.users[15] = gone
    run = sync(product)
    anna.refresh_from_db()
    assert anna.missing_since is None
    assert run.changes["portal"]["user"]["returned"] == 1
    assert run.changes["affected"] == []


def test_a_switch_of_the_crm_mode_is_noted(product: Product):
    sync(product)
    product.sandbox.portal.leads_on = False

    run = sync(product)

    product.portal.refresh_from_db()
    assert product.portal.crm_mode == "deals"
    assert run.changes["notes"] == ["Режим CRM изменился: было «С лидами», стало «Без лидов: контакт и сделка»."]


def test_lines_create_only_while_outgoing_creation_is_on_and_only_differences_are_sent(product: Product):
    sync(product)
    lines = product.sandbox.portal.telephony.lines
    assert {line["CRM_AUTO_CREATE"] for line in lines.values()} == {"N"}

    Stream.objects.filter(credential=product.credential, kind="outgoing").update(create_for="new")
    lines["+74950000010"]["CRM_AUTO_CREATE"] = "Y"
    run = sync(product)

    assert {line["CRM_AUTO_CREATE"] for line in lines.values()} == {"Y"}
    assert len(product.sandbox.portal.commands("telephony.externalLine.update")) == 1
    assert stage(run, "bitrix")["counts"]["lines_changed"] == 1


@pytest.mark.parametrize(("create_for", "creates"), [("new", "Y"), ("both", "Y"), ("repeat", "N"), ("none", "N")])
def test_lines_create_only_where_new_clients_get_something(product: Product, create_for: str, creates: str):
    Stream.objects.filter(credential=product.credential, kind="outgoing").update(create_for=create_for)
    sync(product)
    lines = product.sandbox.portal.telephony.lines.values()
    assert {line["CRM_AUTO_CREATE"] for line in lines} == {creates}


def test_people_without_a_surname_are_listed_with_links_to_their_profiles(product: Product):
    product.sandbox.portal.add_user(21, "Олег", "")

    run = sync(product)

    [oleg] = run.changes["without_surname"]
    assert oleg["name"] == "Олег"
    assert oleg["link"] == f"https://{product.portal.domain}/company/personal/user/21/"


def test_employees_are_matched_and_a_link_by_hand_is_never_touched(product: Product):
    EmployeeLink.objects.filter(uis_employee_id=700102).delete()
    EmployeeLink.objects.filter(uis_employee_id=700101).update(bitrix_user_id=1)

    run = sync(product)

    links = dict(product.credential.employee_links.values_list("uis_employee_id", "bitrix_user_id"))
    assert links == {700101: 1, 700102: 15}
    assert product.credential.employee_links.get(uis_employee_id=700102).how == "email"
    assert stage(run, "match")["counts"]["matched"] == 2


def test_only_one_synchronisation_of_a_portal_runs(product: Product, queued: list[int]):
    first = synchronise.start(product.portal, by="а")

    with pytest.raises(synchronise.AlreadyRunning) as refused:
        synchronise.start(product.portal, by="б")

    assert refused.value.run == first
    assert queued == [first.pk]
    assert synchronise.want_sync(product.portal) is None


def test_a_cancelled_run_stops_before_its_next_request(product: Product):
    run = synchronise.start(product.portal, by="")
    SyncRun.objects.filter(pk=run.pk).update(cancel_asked=True)

    synchronise.work(run.pk)

    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert requests(product) == 0
    assert product.sandbox.uis.requests == []


def test_cancelling_a_run_that_nobody_works_on_ends_it_at_once(product: Product):
    run = synchronise.start(product.portal, by="")
    synchronise.cancel(run)
    assert run.state == State.CANCELLED
    synchronise.work(run.pk)
    assert requests(product) == 0


def test_a_token_that_expires_is_renewed_on_the_way(product: Product):
    product.sandbox.portal.add_users(3_000)
    product.sandbox.faults.fail_next(1, "expired_token", match="user.get")

    run = sync(product)

    assert run.state == State.DONE
    assert len(known(product, "user")) == 3_003


def test_a_portal_that_is_away_for_a_moment_is_asked_again_in_smaller_requests(product: Product, queued: list[int]):
    product.sandbox.faults.fail_next(1, "html")
    run = synchronise.start(product.portal, by="")
    synchronise.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts) == (State.RUNNING, 1)
    assert stage(run, "uis")["state"] == "done"
    asked = len(product.sandbox.uis.requests)

    synchronise.ring_due()
    assert queued == [run.pk]
    product.clock.shift(timedelta(seconds=10))
    synchronise.ring_due()
    assert queued == [run.pk, run.pk]
    synchronise.work(run.pk)

    run.refresh_from_db()
    assert (run.state, run.error) == (State.DONE, "")
    assert len(product.sandbox.uis.requests) == asked
    assert max(RequestLog.objects.values_list("commands", flat=True)) == 50
    assert RequestLog.objects.order_by("pk").last().commands <= 20


def test_a_portal_that_stays_away_fails_the_run_and_loses_nothing(product: Product):
    sync(product)
    product.sandbox.faults.fail_always("html")
    run = synchronise.start(product.portal, by="")
    for _ in range(3):
        synchronise.work(run.pk)
        product.clock.shift(timedelta(minutes=1))

    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.error.startswith("Портал не отвечает")
    assert known(product, "user") == {"1", "12", "15"}


def test_a_refused_uis_key_is_told_and_the_portal_is_read_all_the_same(product: Product):
    product.sandbox.uis.faults.fail_always("access_token_expired")

    run = sync(product)

    assert run.state == State.FAILED
    assert "срок ключа истёк" in run.error
    assert known(product, "user") == {"1", "12", "15"}


def test_what_an_account_does_not_have_is_no_failure(product: Product, monkeypatch: pytest.MonkeyPatch):
    from tests.sandbox import uis_data

    def without_sites(uis: Any, method: str, params: Any) -> Any:
        if method in ("get.sites", "get.campaigns", "get.sip_lines"):
            raise uis_data.RpcError(-32008, "Component is disabled", "method_component_disabled")
        return answer(uis, method, params)

    answer = uis_data.answer
    monkeypatch.setattr("tests.sandbox.app.uis_data.answer", without_sites)
    run = sync(product)

    assert run.state == State.DONE
    assert stage(run, "uis")["problems"] == []
    assert stage(run, "uis")["unavailable"] == ["line", "site", "campaign"]
    assert UisItem.objects.get(code="700101").data["lines"] == []


def test_a_portal_on_hold_is_not_asked(product: Product):
    Portal.objects.filter(pk=product.portal.pk).update(hold_reason="не оплачен")
    run = sync(product)
    assert run.state == State.FAILED
    assert "не оплачен" in run.error
    assert requests(product) == 0


def test_the_schedule_starts_one_every_half_hour(product: Product, queued: list[int]):
    synchronise.ring_due()
    [first] = SyncRun.objects.all()
    assert queued == [first.pk]
    synchronise.work(first.pk)
    synchronise.ring_due()
    assert SyncRun.objects.count() == 1

    product.clock.shift(timedelta(minutes=31))
    synchronise.ring_due()
    assert SyncRun.objects.count() == 2
    assert not synchronise.due_syncs(timezone.now()).exists()


def test_a_synchronisation_finds_its_place_however_many_side_lanes_are_due(
    product: Product, queued: list[int], settings: Any
):
    settings.Q_WORKERS = 3
    Lane.objects.create(name="b24:77:bulk"), Lane.objects.create(name="b24:78:bulk")
    first, second = lanes.acquire("b24:77:bulk"), lanes.acquire("b24:78:bulk")
    synchronise.ring_due()
    synchronise.ring_due()
    [run] = SyncRun.objects.all()
    assert queued == []

    lanes.release(first)
    assert side_work.room() == 0
    synchronise.ring_due()
    assert queued == [run.pk]
    synchronise.work(run.pk)
    lanes.release(second)
    assert side_work.room() == 2


def test_a_run_whose_worker_died_goes_on_where_it_stood(product: Product, queued: list[int]):
    run = synchronise.start(product.portal, by="")
    SyncRun.objects.filter(pk=run.pk).update(
        lease_token="dead", lease_until=timezone.now() + timedelta(seconds=60), due_at=timezone.now()
    )
    synchronise.work(run.pk)
    assert requests(product) == 0
    product.clock.shift(timedelta(seconds=61))
    synchronise.ring_due()
    assert queued == [run.pk, run.pk]
    synchronise.work(run.pk)
    run.refresh_from_db()
    assert run.state == State.DONE


def test_an_unknown_employee_starts_one_but_not_every_minute(product: Product):
    run = synchronise.want_sync(product.portal)
    assert run is not None
    synchronise.work(run.pk)
    assert synchronise.want_sync(product.portal) is None
    product.clock.shift(timedelta(minutes=6))
    assert synchronise.want_sync(product.portal) is not None


def test_who_wants_a_run_of_his_own_lets_the_one_under_way_end_first(product: Product):
    first = synchronise.start(product.portal, by="schedule")

    second = synchronise.run_now(product.portal, by="command")

    first.refresh_from_db()
    assert (first.state, second.state, second.started_by) == (State.DONE, State.DONE, "command")


def test_five_runs_are_kept(product: Product):
    for _ in range(7):
        sync(product)
        product.clock.shift(timedelta(minutes=1))
    assert SyncRun.objects.count() == 5
    assert synchronise.latest(product.portal)[0].started_by == "Мария Орлова"


def test_the_command_returns_at_the_end_and_prints_the_counts(product: Product):
    out = StringIO()
    call_command("sync_portal", product.portal.domain, stdout=out)
    told = json.loads(out.getvalue())
    assert told["state"] == "done"
    assert told["bitrix"]["user"] == 3
    assert told["uis"]["Основной портал"]["employee"] == 2
    assert told["employees"]["matched"] == 2
