"""What the journal says of a communication that a filter keeps out."""

from datetime import UTC

import pytest
from django.utils.translation import override

from integration.reasons import show_reason
from integration.rules.checks import compile_tree
from integration.rules.conditions import parse_tree
from integration.rules.facts import StreamKind
from integration.rules.filtering import refuse


@pytest.mark.parametrize(
    ("condition", "russian", "english"),
    [
        (
            {"fact": "virtual_phone_number", "op": "in", "value": ["+74951234567", "+74957654321"]},
            "не прошёл фильтр: Виртуальный номер одно из +74951234567, +74957654321",
            "kept out by the filter: Virtual number is one of +74951234567, +74957654321",
        ),
        (
            {"fact": "scenario_name", "op": "not_empty"},
            "не прошёл фильтр: Сценарий заполнено",
            "kept out by the filter: Scenario is filled in",
        ),
        (
            {"fact": "is_transfer", "op": "eq", "value": True},
            "не прошёл фильтр: Был перевод равно да",
            "kept out by the filter: Was transferred is yes",
        ),
        (
            {"fact": "talk_duration", "op": "between", "value": [5, 60]},
            "не прошёл фильтр: Разговор в пределах 5, 60",
            "kept out by the filter: Talk is between 5, 60",
        ),
    ],
)
def test_the_condition_that_failed_is_told_in_words(condition, russian, english):
    tree, faults = parse_tree({"all": [condition]}, stream=StreamKind.INCOMING, country="RU", path="filter")
    assert (tree is not None, faults) == (True, ())
    refused = refuse(compile_tree(tree, zone=UTC), {"is_transfer": False, "talk_duration": 3})
    assert refused
    for language, told in (("ru", russian), ("en", english)):
        with override(language):
            assert show_reason(refused.reason) == told


def of(name: str) -> dict[str, str]:
    return {"fact": "scenario_name", "op": "eq", "value": name}


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"all": [{"any": [of("а"), of("да")]}, of("б")]}, "б"),
        ({"all": [of("да"), {"any": [of("в"), {"all": [of("да"), of("г")]}]}]}, "в"),
        ({"any": [{"all": [of("да"), of("д")]}, of("е")]}, "д"),
    ],
)
def test_a_condition_that_another_one_makes_up_for_is_not_named(tree, told):
    parsed, _faults = parse_tree(tree, stream=StreamKind.INCOMING, country="RU", path="filter")
    refused = refuse(compile_tree(parsed, zone=UTC), {"scenario_name": "да"})
    assert refused.reason == f"не прошёл фильтр: scenario_name eq {told}"
