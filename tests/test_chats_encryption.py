"""What clients say, and what decisions repeat of it, stands encrypted; names of facts can be asked for all the same."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from integration.models import Communication
from tests.chat_stories import report_chat, set_options
from tests.conftest import Product

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "my-secret-words"


def in_clear() -> list[str]:
    """The tables whose rows, as the database has them, show what the client said."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            if any(
                SAID in str(bytes(value) if isinstance(value, memoryview) else value) for row in rows for value in row
            ):
                found.append(table)
    return found


@pytest.fixture
def chat(product: Product) -> Communication:
    set_options(product, "chat", without_contacts=True)
    report_chat(product, product.play("chat_finished", text=SAID, messages_array=True))
    product.play("offline_request", text=SAID)
    chat = Communication.objects.get(kind="chat")
    chat.trace = [*chat.trace, {"step": "title", "title": SAID}]
    chat.save(update_fields=["trace"])
    return chat


def test_what_clients_said_stands_nowhere_in_clear(chat: Communication):
    assert SAID in str(chat.facts)
    assert in_clear() == []


def test_a_fact_can_be_asked_for_by_its_name(chat: Communication):
    assert Communication.objects.filter(facts__has_key="end").get() == chat
    assert not Communication.objects.filter(facts__has_key="$x").exists()


@pytest.mark.parametrize("name", ["0010_encrypt_facts", "0016_encrypt_traces"])
def test_rows_written_in_clear_are_read_and_the_migration_encrypts_them(chat: Communication, name: str):
    migration = import_module(f"integration.migrations.{name}").Migration.operations[0]
    before = (chat.facts, chat.trace)
    editor = SimpleNamespace(connection=connection)
    migration.reverse_code(apps, editor)
    assert in_clear() == ["integration_communication"]
    chat.refresh_from_db()
    assert (chat.facts, chat.trace) == before
    for _ in range(2):
        migration.code(apps, editor)
    assert in_clear() == []
    chat.refresh_from_db()
    assert (chat.facts, chat.trace) == before
