"""Who is who: tables of people, without a database; and the board with its links by hand."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm_bitrix import employees, newcomers, synchronise
from crm_bitrix.employees import LinkRefused
from crm_bitrix.matching import Link, Match, Person, Reason, Status, match_people
from integration.models import EmployeeLink, SettingsRevision
from integration.settings_document import AuthorKind
from tests.conftest import Product

ANNA = {"first_name": "Анна", "last_name": "Смирнова"}


def employee(id_: int = 1, **fields: Any) -> Person:
    return Person(id_, **{"last_name": "Иванов", **fields})


def user(id_: int = 10, **fields: Any) -> Person:
    return Person(id_, **{"last_name": "Петров", **fields})


def match(employees_: list[Person], users: list[Person], links: tuple[Link, ...] = ()) -> dict[int, Match]:
    return {each.employee_id: each for each in match_people(employees_, users, links, country="RU")}


@pytest.mark.parametrize(
    ("of_employee", "of_user", "how"),
    [
        ({"email": " A@B.ru "}, {"email": "a@b.RU"}, "email"),
        ({"email": "x@b.ru", "extension": "101"}, {"email": "y@b.ru", "extension": " 101"}, "extension"),
        ({"phones": ("79161234567",)}, {"phones": ("8 (916) 123-45-67",)}, "phone"),
        ({"extension": "5", "phones": ("79161234567",)}, {"phones": ("1", "+7 916 123-45-67")}, "phone"),
        (
            {"extension": "101", "phones": ("79161234567",)},
            {"extension": "101", "phones": ("79161234567",)},
            "extension",
        ),
    ],
)
def test_the_strongest_sign_that_two_people_share_matches_them(of_employee: Any, of_user: Any, how: str):
    assert match([employee(**of_employee)], [user(**of_user)])[1] == Match(1, Status.MATCHED, 10, how, is_new=True)


@pytest.mark.parametrize(
    ("of_employee", "of_user", "reasons"),
    [
        ({}, {"email": ""}, (Reason.NO_EMAIL, Reason.NO_PHONE)),
        ({"last_name": "", "email": "a@b.ru", "extension": "1"}, {}, (Reason.NO_SURNAME,)),
        ({"email": "a@b.ru", "extension": "1"}, {"email": "c@b.ru"}, (Reason.NO_SUCH_USER,)),
        ({"email": "a@b.ru", "extension": "1"}, {"email": "a@b.ru", "is_active": False}, (Reason.USER_DISMISSED,)),
        ({"extension": "101", "email": "a@b.ru"}, {"extension": "10"}, (Reason.NO_SUCH_USER,)),
    ],
)
def test_who_is_not_found_is_told_with_the_reason(of_employee: Any, of_user: Any, reasons: tuple[Reason, ...]):
    found = match([employee(**of_employee)], [user(**of_user)])[1]
    assert (found.status, found.user_id, found.reasons) == (Status.UNMATCHED, None, reasons)


def test_two_users_with_one_email_are_a_conflict_even_if_the_extension_would_decide():
    users = [user(10, email="a@b.ru", extension="101"), user(11, email="A@b.ru")]
    found = match([employee(email="a@b.ru", extension="101")], users)[1]
    assert (found.status, found.candidates, found.how) == (Status.CONFLICT, (10, 11), "email")
    assert found.reasons == (Reason.SEVERAL_USERS,)


def test_one_user_for_two_employees_is_a_conflict_of_both():
    found = match([employee(1, email="a@b.ru"), employee(2, email="a@b.ru")], [user(email="a@b.ru")])
    assert [each.status for each in found.values()] == [Status.CONFLICT, Status.CONFLICT]
    assert all(each.reasons == (Reason.SEVERAL_EMPLOYEES,) and each.candidates == (10,) for each in found.values())


def test_a_weaker_sign_takes_nobody_from_a_stronger_one():
    people = [employee(1, extension="101"), employee(2, email="a@b.ru")]
    found = match(people, [user(email="a@b.ru", extension="101")])
    assert (found[2].status, found[2].user_id) == (Status.MATCHED, 10)
    assert (found[1].status, found[1].candidates, found[1].reasons) == (Status.CONFLICT, (10,), (Reason.USER_TAKEN,))


def test_a_user_in_dispute_is_given_to_nobody_by_a_weaker_sign():
    people = [employee(1, email="a@b.ru"), employee(2, email="a@b.ru"), employee(3, extension="101")]
    found = match(people, [user(email="a@b.ru", extension="101")])
    assert found[3].status == Status.CONFLICT


def test_two_phones_of_two_users_are_a_conflict():
    person = employee(phones=("79161234567", "79161234568"))
    found = match([person], [user(10, phones=("79161234567",)), user(11, phones=("79161234568",))])[1]
    assert (found.status, found.candidates) == (Status.CONFLICT, (10, 11))


def test_dismissed_users_are_never_chosen_and_disturb_nobody():
    users = [user(10, email="a@b.ru", is_active=False), user(11, email="a@b.ru")]
    assert match([employee(email="a@b.ru")], users)[1].user_id == 11


def test_the_same_name_alone_is_only_suggested():
    found = match([employee(**ANNA)], [user(10, **ANNA), user(11)])[1]
    assert (found.status, found.user_id, found.candidates) == (Status.SUGGESTED, None, (10,))


@pytest.mark.parametrize(
    ("link", "status", "user_id", "reasons"),
    [
        (Link(1, 10, "manual"), Status.MATCHED, 10, ()),
        (Link(1, None, "manual"), Status.NOBODY, None, ()),
        (Link(1, 10, "email"), Status.MATCHED, 10, ()),
        (Link(1, 12, "phone"), Status.MATCHED, 12, (Reason.USER_GONE,)),
        (Link(1, 99, "stored"), Status.MATCHED, 99, (Reason.USER_GONE,)),
    ],
)
def test_a_stored_link_stays_whatever_signs_say(link: Link, status: Status, user_id: int, reasons: Any):
    users = [user(10), user(11, email="a@b.ru"), user(12, is_active=False)]
    found = match([employee(email="a@b.ru")], users, (link,))[1]
    assert (found.status, found.user_id, found.how, found.reasons) == (status, user_id, link.how, reasons)
    assert not found.is_new


def test_ten_thousand_people_are_matched_at_once():
    people = [employee(n, email=f"u{n}@b.ru", extension=str(n)) for n in range(10_000)]
    users = [user(n + 20_000, email=f"U{n}@b.ru") for n in range(10_000)]
    assert all(each.status == Status.MATCHED for each in match(people, users).values())


@pytest.fixture
def synced(product: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    monkeypatch.setattr("crm_bitrix.synchronise.async_task", lambda *_args, **_options: None)
    EmployeeLink.objects.all().delete()
    product.sandbox.portal.add_user(20, "Олег", "Новиков", UF_PHONE_INNER="200", WORK_PHONE="8 916 000-00-20")
    product.sandbox.portal.add_user(21, "Ольга", "")
    synchronise.run(synchronise.start(product.portal, by=""))
    return product


def by_hand(product: Product, employee_id: int, user_id: int | None) -> None:
    employees.link_by_hand(
        product.credential, employee_id=employee_id, user_id=user_id, author_kind=AuthorKind.STAFF, author="admin"
    )


@pytest.mark.django_db(transaction=True)
def test_the_board_shows_everybody_and_who_is_missing_in_uis(synced: Product):
    board = employees.board(synced.credential)

    assert board.counts == {
        **{"matched": 2, "nobody": 0, "suggested": 0, "conflict": 0, "unmatched": 0},
        "missing_in_uis": 3,
    }
    ivanov = next(row for row in board.rows if row.employee.id == 700101)
    assert (ivanov.user.id, ivanov.match.how, ivanov.lines) == (12, "email", ("000001",))
    assert {person.id for person in board.missing} == {1, 20, 21}


@pytest.mark.django_db(transaction=True)
def test_a_link_by_hand_wins_is_a_revision_and_can_be_taken_back(synced: Product):
    by_hand(synced, 700101, 15)

    rows = {row.employee.id: row.match for row in employees.board(synced.credential).rows}
    assert (rows[700101].user_id, rows[700101].how) == (15, "manual")
    assert rows[700102].status == Status.CONFLICT
    assert SettingsRevision.objects.get().author == "admin"

    with pytest.raises(LinkRefused, match="уже связан вручную"):
        by_hand(synced, 700102, 15)
    with pytest.raises(LinkRefused, match="Такого пользователя"):
        by_hand(synced, 700102, 999)
    with pytest.raises(LinkRefused, match="Такого сотрудника"):
        by_hand(synced, 1, 15)

    employees.unlink_by_hand(synced.credential, employee_id=700101, author_kind=AuthorKind.STAFF, author="admin")
    employees.store_matches(synced.credential)
    links = dict(synced.credential.employee_links.values_list("uis_employee_id", "bitrix_user_id"))
    assert links == {700101: 12, 700102: 15}


@pytest.mark.django_db(transaction=True)
def test_the_calls_that_a_new_link_concerns_are_counted(synced: Product):
    story = synced.play("answered_call", client_phone="79001112233")
    since = timezone.now() - timedelta(days=30)

    counts = {
        id_: len(employees.past_calls(synced.credential, employee_id=id_, since=since))
        for id_ in (700101, 700102, 7001)
    }

    assert synced.call(story).facts
    assert sum(counts.values()) >= 1
    assert counts[7001] == 0


@pytest.mark.django_db(transaction=True)
def test_missing_people_are_created_in_uis_by_choice_and_linked(synced: Product):
    preview = {each.user.id: each for each in newcomers.preview_creation(synced.credential, [20, 21, 12])}

    assert preview[20].params == {
        "last_name": "Новиков",
        "first_name": "Олег",
        "email": "user20@acme.example",
        "phone_numbers": [{"phone_number": "79160000020"}],
        "extension": {"extension_phone_number": "200"},
    }
    assert "нет фамилии" in preview[21].refusal
    assert preview[12].refusal
    assert len(synced.sandbox.uis.employees) == 2

    created = {each.user.id: each for each in newcomers.create_people(synced.credential, [20, 21, 12])}

    assert len(synced.sandbox.uis.employees) == 3
    link = synced.credential.employee_links.get(bitrix_user_id=20)
    assert (link.uis_employee_id, link.how) == (created[20].employee_id, "stored")
    assert created[21].employee_id is None
    assert newcomers.preview_creation(synced.credential, [20])[0].refusal


@pytest.mark.django_db(transaction=True)
def test_a_phone_that_an_employee_has_is_not_taken_from_him(synced: Product):
    synced.sandbox.portal.users[20] |= {"WORK_PHONE": "+7 900 000-00-11", "UF_PHONE_INNER": "101"}
    synchronise.run(synchronise.start(synced.portal, by=""))

    [oleg] = newcomers.preview_creation(synced.credential, [20])

    assert "phone_numbers" not in oleg.params
    assert "extension" not in oleg.params
