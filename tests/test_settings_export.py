"""The settings document: what is written can be read again, and always looks the same."""

import json
import re

import pytest

from integration.rules.document_changes import find_changes
from integration.rules.document_export import dump_settings
from integration.rules.document_keys import arrange
from integration.rules.document_text import write_json
from integration.rules.known import Entry
from tests.settings_edits import (
    good,
)
from tests.settings_world import COMPLETE, KNOWN, SMALLEST, without


@pytest.mark.parametrize("text", [COMPLETE, SMALLEST, '{"version": 1}'])
def test_export_import_export_gives_the_same_bytes(text):
    settings = good(text)
    first = write_json(dump_settings(settings, known=KNOWN))
    again = good(first)
    assert again == settings
    assert write_json(dump_settings(again, known=KNOWN)) == first


def test_export_writes_every_key_in_the_order_of_the_example():
    written = dump_settings(good(COMPLETE), known=KNOWN)
    example = json.loads(COMPLETE)
    del example["about"]

    def check(ours, theirs, path):
        if isinstance(theirs, dict):
            assert [key for key in ours if key in theirs] == list(theirs) or path.endswith("values"), path
            for key, value in theirs.items():
                check(ours[key], value, f"{path}.{key}")
        elif isinstance(theirs, list):
            assert len(ours) == len(theirs)
            for index, value in enumerate(theirs):
                check(ours[index], value, f"{path}[{index}]")
        else:
            assert ours == theirs, path

    check(written, example, "")
    assert [
        change.path for change in find_changes(example, written) if not re.search("values|format", change.path)
    ] == []


def test_export_is_two_spaces_plain_cyrillic_and_a_final_line_feed():
    text = write_json(dump_settings(good(COMPLETE), known=KNOWN))
    assert text.startswith('{\n  "version": 1,\n  "main": {\n    "active": true,')
    assert text.endswith("}\n")
    assert "Мария Орлова" in text
    assert "\\u" not in text


def test_references_are_written_with_present_names():
    renamed = tuple(Entry(user.id, "Мария Новая" if user.id == 1 else user.name) for user in KNOWN.users)
    document = dump_settings(good(COMPLETE), known=without(users=renamed))
    assert document["telephony"]["incoming"]["responsible"]["default"] == {"id": 1, "name": "Мария Новая"}
    assert document["telephony"]["incoming"]["create"]["stage"] == {"id": "NEW", "name": "Не обработан"}
    assert dump_settings(good(COMPLETE), known=without(users=()))["main"]["alerts"]["users"] == [1]


def test_an_order_of_keys_that_was_lost_is_brought_back():
    document = dump_settings(good(COMPLETE), known=KNOWN)

    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert write_json(arrange(shuffled(document))) == write_json(document)
