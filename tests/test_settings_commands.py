"""Settings in the database: saved, restored, exported and imported by command."""

import io
import json
import sys
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings

from crm_bitrix.known import load_known
from integration.models import Credential, EmployeeLink, NameTemplate, Portal, SettingsRevision, Stream
from integration.rules.document import parse_document
from integration.rules.document_export import dump_settings
from integration.rules.document_text import write_json
from integration.rules.settings_value import default_settings
from integration.settings_document import (
    AuthorKind,
    StaleRevision,
    export_document,
    read_document,
    read_settings,
    restore_revision,
    save_settings,
)
from tests.settings_mutations import mutations
from tests.settings_world import COMPLETE, KNOWN, PORTAL, SMALLEST, store

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)


@pytest.fixture
def credential():
    portal = Portal.objects.create(member_id="m", domain=PORTAL)
    made = Credential.objects.create(portal=portal, name="Основной портал")
    store(portal, made)
    return made


@pytest.fixture
def write(tmp_path):
    def write_document(document):
        path = tmp_path / "settings.json"
        path.write_bytes(document if isinstance(document, bytes) else document.encode())
        return str(path)

    return write_document


def run(command, *arguments, **options):
    """Run a command; returns its exit status and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=out, stderr=err, no_color=True, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as error:
        return error.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def save(credential, text, **options):
    known = load_known(credential)
    settings = parse_document(text, known=known).settings
    options = {"author_kind": AuthorKind.SYSTEM, "author": ""} | options
    return save_settings(credential, settings, known=known, **options)


def test_the_dictionaries_of_both_sides_are_what_references_are_resolved_against(credential):
    known = load_known(credential)
    assert known.users == KNOWN.users
    assert known.pipelines == KNOWN.pipelines
    assert known.stages == KNOWN.stages
    assert known.sources == KNOWN.sources
    assert (known.scenarios, known.channels, known.employees) == (KNOWN.scenarios, KNOWN.channels, KNOWN.employees)
    assert known.fields == KNOWN.fields
    assert known.portal_domain == PORTAL


def test_a_credential_without_rows_has_the_defaults(credential):
    assert read_settings(credential) == default_settings()


@pytest.mark.parametrize("text", [COMPLETE, SMALLEST])
def test_what_is_saved_is_read_back_the_same(credential, text):
    parsed = parse_document(text, known=KNOWN)
    revision = save(credential, text, author_kind=AuthorKind.STAFF, author="olga", note="начало")
    assert read_settings(credential) == parsed.settings
    assert (revision.number, revision.author_kind, revision.author, revision.note) == (1, "staff", "olga", "начало")
    credential.refresh_from_db()
    assert credential.revision == 1
    assert "about" not in revision.document
    revision.refresh_from_db()
    assert revision.document == dump_settings(parsed.settings, known=KNOWN)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutation=mutations())
def test_any_good_mutation_of_the_example_is_read_back_the_same(credential, mutation):
    parsed = parse_document(mutation[0].encode("utf-8", "replace"), known=KNOWN)
    if parsed.settings is not None:
        save_settings(credential, parsed.settings, known=KNOWN, author_kind=AuthorKind.SYSTEM, author="")
        assert read_settings(credential) == parsed.settings


def test_rows_that_cannot_be_read_stop_export_and_are_replaced_by_import(credential, write):
    save(credential, COMPLETE)
    NameTemplate.objects.filter(stream__kind="chat").update(text="{{nothing}}")
    assert run("export_settings", credential.uuid)[0] == 1
    assert run("import_settings", credential.uuid, write(SMALLEST), "--check")[0] == 1
    assert run("import_settings", credential.uuid, write(COMPLETE))[:2] == (0, "saved as revision 2\n")
    assert run("export_settings", credential.uuid)[0] == 0


def test_saving_the_same_again_adds_no_revision(credential):
    assert save(credential, COMPLETE)
    assert save(credential, COMPLETE) is None
    assert SettingsRevision.objects.count() == 1
    assert save(credential, SMALLEST).number == 2


def test_a_save_that_began_with_an_older_revision_is_refused_and_changes_nothing(credential):
    save(credential, COMPLETE)
    with pytest.raises(StaleRevision) as caught:
        save(credential, SMALLEST, base_revision=0)
    assert caught.value.present == 1
    assert read_settings(credential) == parse_document(COMPLETE, known=KNOWN).settings
    assert save(credential, SMALLEST, base_revision=1).number == 2


def test_a_save_between_two_queries_of_a_reader_never_leaves_streams_without_their_rules(credential):
    save(credential, SMALLEST)
    waiting = ["one save"]

    def save_meanwhile(execute, sql, params, many, context):
        if waiting and "responsiblerule" in sql and sql.startswith("SELECT"):
            waiting.pop()
            save(credential, COMPLETE)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(save_meanwhile):
        settings = read_settings(credential)
    assert waiting == []
    assert settings == parse_document(COMPLETE, known=KNOWN).settings


def test_a_save_that_fails_leaves_the_present_settings(credential, monkeypatch):
    save(credential, COMPLETE)

    def fail(**_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(SettingsRevision.objects, "create", fail)
    with pytest.raises(RuntimeError):
        save(credential, SMALLEST)
    credential.refresh_from_db()
    assert credential.revision == 1
    assert read_settings(credential) == parse_document(COMPLETE, known=KNOWN).settings


def test_matches_found_automatically_stay_unless_one_of_the_two_is_now_matched_by_hand(credential):
    for uis_id, user_id, how in ((501, 31, "email"), (700, 15, "phone"), (701, 51, "email"), (702, 52, "manual")):
        EmployeeLink.objects.create(credential=credential, uis_employee_id=uis_id, bitrix_user_id=user_id, how=how)
    save(credential, COMPLETE)
    links = EmployeeLink.objects.values_list("uis_employee_id", "bitrix_user_id", "how", "card", "line")
    assert sorted(links) == [
        (501, 12, "manual", "ring", ""),
        (502, 15, "manual", "answer", "007321"),
        (701, 51, "email", "default", ""),
    ]
    assert [employee.uis_employee_id for employee in read_settings(credential).employees] == [501, 502]


def test_settings_of_one_credential_do_not_touch_those_of_another(credential):
    other = Credential.objects.create(portal=credential.portal, name="Второй")
    store_uis_only = Stream.objects.create(credential=other, kind="chat")
    save(credential, SMALLEST)
    assert Stream.objects.filter(pk=store_uis_only.pk).exists()
    assert read_settings(other).is_active is False


def test_restoring_a_revision_makes_a_new_one_and_keeps_the_order_of_its_rows(credential):
    first = save(credential, COMPLETE)
    save(credential, SMALLEST)
    parsed, third = restore_revision(
        SettingsRevision.objects.get(pk=first.pk),
        known=load_known(credential),
        author_kind=AuthorKind.BITRIX,
        author="12",
        note="вернуть",
    )
    assert parsed.faults == ()
    assert third.number == 3
    assert read_settings(credential) == parse_document(COMPLETE, known=KNOWN).settings


def test_a_restored_revision_may_name_what_has_vanished_since(credential):
    first = save(credential, COMPLETE)
    save(credential, SMALLEST)
    credential.portal.items.filter(kind="user", code="15").update(missing_since=NOW)
    credential.portal.items.filter(code="lead.UF_CRM_CHANNEL").update(missing_since=NOW)
    credential.portal.items.filter(code="lead.utmSource").delete()
    parsed, saved = restore_revision(first, known=load_known(credential), author_kind=AuthorKind.SYSTEM, author="")
    assert saved.number == 3
    told = {warning.path: warning.message for warning in parsed.warnings}
    assert told["main.employees[1].bitrix"] == "Анна Смирнова (15) no longer exists; it is kept and skipped"
    assert "no longer exists" in told["telephony.incoming.mapping[3].field"]
    assert "no longer exists" in told["telephony.incoming.mapping[0].field"]


def test_a_row_of_the_present_settings_whose_field_became_read_only_does_not_block_another_change(credential):
    save(credential, COMPLETE)
    field = credential.portal.items.get(code="lead.UF_CRM_CHANNEL")
    field.data["is_read_only"] = True
    field.save()
    parsed = read_document(credential, COMPLETE.replace('"webrtc"', '"ip"'), known=load_known(credential))
    assert parsed.faults == ()
    assert [warning.path for warning in parsed.warnings if "mapping" in warning.path] == [
        "telephony.incoming.mapping[3].field"
    ]


def test_export_import_export_gives_the_same_bytes(credential, write):
    save(credential, COMPLETE)
    _, first, _ = run("export_settings", "Основной портал")
    status, out, _ = run("import_settings", credential.uuid, write(first))
    assert (status, out) == (0, "nothing to change\n")
    _, second, _ = run("export_settings", credential.uuid)
    documents = [json.loads(text) for text in (first, second)]
    for document in documents:
        assert list(document) == ["version", "about", "main", "telephony", "chats"]
        del document["about"]["exported_at"]
    assert write_json(documents[0]) == write_json(documents[1])


def test_about_says_where_the_document_comes_from(credential):
    save(credential, SMALLEST)
    document = export_document(credential, known=load_known(credential), now=NOW)
    assert document["about"] == {
        "portal": PORTAL,
        "credential": "Основной портал",
        "revision": 1,
        "exported_at": "2026-11-22T12:40:00+03:00",
    }


def test_an_old_revision_is_exported_in_the_order_of_the_format(credential):
    save(credential, COMPLETE)
    _, newest, _ = run("export_settings", credential.uuid)
    save(credential, SMALLEST)
    status, old, _ = run("export_settings", credential.uuid, "--revision", 1)
    assert status == 0
    assert json.loads(old)["about"]["revision"] == 1
    drop = '    "exported_at"'
    assert [line for line in old.splitlines() if not line.startswith(drop)] == [
        line for line in newest.splitlines() if not line.startswith(drop)
    ]


def test_import_saves_and_says_so(credential, write):
    status, out, err = run("import_settings", "Основной портал", write(COMPLETE), "--note", "из файла")
    assert (status, out) == (0, "saved as revision 1\n")
    assert err.startswith("warning: chats.chat.filter: ")
    revision = SettingsRevision.objects.get()
    assert (revision.author_kind, revision.note) == ("command", "из файла")


def test_import_refuses_with_all_faults_and_saves_nothing(credential, write):
    document = json.loads(SMALLEST)
    document["chats"] = {"colour": 1}
    document["telephony"]["incoming"]["responsible"] = {}
    status, out, err = run("import_settings", credential.uuid, write(json.dumps(document)))
    assert (status, out) == (1, "")
    assert sorted(err.splitlines()) == [
        "chats.colour: unknown key",
        "telephony.incoming.responsible.default: must be given while telephony.active is true",
    ]
    assert not SettingsRevision.objects.exists()
    assert not Stream.objects.exists()


def test_check_prints_what_would_change_and_saves_nothing(credential, write):
    save(credential, SMALLEST)
    document = json.loads(SMALLEST)
    document["main"]["country"] = "KZ"
    document["telephony"]["outgoing"]["responsible"]["default"] = "Анна Смирнова"
    document["telephony"]["numbers"] = [{"number": "+74951234567"}]
    status, out, _ = run("import_settings", credential.uuid, write(json.dumps(document)), "--check")
    assert status == 0
    assert out.splitlines() == [
        'main.country: "RU" → "KZ"',
        'telephony.numbers[0]: – → {"number": "+74951234567", "source": null, "pipeline": null, "stage": null}',
        'telephony.outgoing.responsible.default: {"id": 1, "name": "Мария Орлова"} → '
        '{"id": 15, "name": "Анна Смирнова"}',
    ]
    assert SettingsRevision.objects.count() == 1
    assert run("import_settings", credential.uuid, write(SMALLEST), "--check")[1] == "nothing would change\n"


def test_import_reads_standard_input(credential, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + SMALLEST.encode())))
    assert run("import_settings", credential.uuid, "-")[:2] == (0, "saved as revision 1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["export_settings", "Нет такого"],
            'no credential has the id or name "Нет такого"; there are: Основной портал',
        ),
        (["export_settings", "9d1a2c1e-0000-4000-8000-000000000000"], "no credential has the id or name"),
        (["export_settings", "основной портал"], "no credential has the id or name"),
        (["export_settings", "Основной портал", "--revision", "9"], "there is no revision 9; the newest is 0"),
        (["import_settings", "Нет такого", "-"], "no credential has the id or name"),
        (["import_settings", "Основной портал", "/nowhere/settings.json"], "/nowhere/settings.json cannot be read"),
        (["import_settings", "Основной портал", "-", "--note", "x" * 501], "--note takes at most 500 characters"),
    ],
)
def test_wrong_usage_is_exit_status_2(credential, arguments, said):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err


def test_a_name_used_on_two_portals_asks_for_the_id(credential):
    portal = Portal.objects.create(member_id="n", domain="other.bitrix24.ru")
    Credential.objects.create(portal=portal, name=credential.name)
    status, _, err = run("export_settings", credential.name)
    assert status == 2
    assert "is the name of several credentials; write the id" in err
    assert "other.bitrix24.ru" in err


def test_a_document_moves_to_another_portal_by_names(credential, write):
    save(credential, COMPLETE)
    _, exported, _ = run("export_settings", credential.uuid)
    portal = Portal.objects.create(member_id="n", domain="other.bitrix24.ru")
    other = Credential.objects.create(portal=portal, name="Другой")
    store(portal, other)
    for user in portal.items.filter(kind="user", code__in=["1", "12", "15"]):
        user.code = str(int(user.code) + 1000)
        user.save()
    status, out, err = run("import_settings", other.uuid, write(exported))
    assert (status, out) == (0, "saved as revision 1\n"), err
    settings = read_settings(other)
    assert [employee.bitrix_user_id for employee in settings.employees] == [1012, 1015]
    assert settings.streams["incoming"].default_responsible_id == 1001


def test_an_oversized_file_is_refused(credential, write):
    status, _, err = run("import_settings", credential.uuid, write(SMALLEST + " " * (512 * 1024)))
    assert (status, err) == (1, "document: must be at most 512 KB\n")


@pytest.mark.parametrize("command", ["export_settings", "import_settings"])
def test_missing_arguments_are_exit_status_2(command):
    import subprocess

    done = subprocess.run([sys.executable, "manage.py", command], capture_output=True, check=False)
    assert done.returncode == 2
