"""Two administrators at once: what goes together is kept of both, what does not is asked."""

import copy

import pytest

from settings_ui.screen_merge import ABSENT, changed_paths, compare, merge, settings_of

BASE = {
    "version": 1,
    "main": {"country": "RU", "alerts": {"users": [{"id": 1, "name": "Мария"}], "emails": []}},
    "telephony": {
        "mode": "ip",
        "numbers": [
            {"number": "+74951234567", "source": None, "stage": None},
            {"number": "+74957654321", "source": {"id": "WEB", "name": "Сайт"}, "stage": None},
        ],
        "incoming": {
            "filter": {"all": [{"fact": "result", "op": "eq", "value": "missed"}]},
            "responsible": {"rules": [{"name": "Ночью", "when": None}], "default": {"id": 1, "name": "Мария"}},
            "mapping": [{"fact": "utm_source", "object": "lead", "field": "utmSource", "policy": "create"}],
        },
    },
}


def changed(**values):
    """The base with values at dotted places, written with "__"."""
    document = copy.deepcopy(BASE)
    for place, value in values.items():
        *above, last = place.split("__")
        holder = document
        for key in above:
            holder = holder[key]
        holder[last] = value
    return document


def told(differences):
    return {one.path: (one.is_mine, one.is_theirs, one.is_conflict) for one in differences}


def test_each_sides_own_changes_go_together():
    mine, theirs = changed(main__country="KZ"), changed(telephony__mode="webrtc")
    found = compare(BASE, mine, theirs)
    assert told(found) == {"main.country": (True, False, False), "telephony.mode": (False, True, False)}
    merged = merge(mine, found, {})
    assert (merged["main"]["country"], merged["telephony"]["mode"]) == ("KZ", "webrtc")
    assert mine["telephony"]["mode"] == "ip"


@pytest.mark.parametrize(("choice", "kept"), [("mine", "KZ"), ("theirs", "BY")])
def test_one_setting_changed_by_both_is_a_conflict_until_somebody_chooses(choice, kept):
    mine, theirs = changed(main__country="KZ"), changed(main__country="BY")
    found = compare(BASE, mine, theirs)
    assert told(found) == {"main.country": (True, True, True)}
    assert merge(mine, found, {"main.country": choice})["main"]["country"] == kept


def test_same_change_on_both_sides_is_no_conflict():
    mine = changed(main__country="KZ")
    assert told(compare(BASE, mine, copy.deepcopy(mine))) == {"main.country": (True, True, False)}


def test_references_are_compared_by_their_ids():
    mine = changed(main__alerts={"users": [1], "emails": []})
    assert compare(BASE, mine, BASE) == ()


def test_rows_with_a_name_are_added_changed_and_removed_on_their_own():
    first, second = BASE["telephony"]["numbers"]
    third, fourth = {"number": "+74990000001", "source": None}, {"number": "+74990000002", "source": None}
    mine = changed(telephony__numbers=[first, second | {"source": "CALL"}, third])
    theirs = changed(telephony__numbers=[second, fourth])
    found = compare(BASE, mine, theirs)
    assert told(found) == {
        "telephony.numbers[+74951234567]": (False, True, False),
        "telephony.numbers[+74957654321]": (True, False, False),
        "telephony.numbers[+74990000001]": (True, False, False),
        "telephony.numbers[+74990000002]": (False, True, False),
    }
    assert found[0].theirs is ABSENT
    merged = merge(mine, found, {})["telephony"]["numbers"]
    assert [row["number"] for row in merged] == ["+74957654321", "+74990000001", "+74990000002"]
    assert merged[0]["source"] == "CALL"


def test_mapping_rows_are_told_apart_by_fact_object_and_field():
    row = BASE["telephony"]["incoming"]["mapping"][0]
    mine = changed(telephony__incoming__mapping=[row, row | {"field": "comments"}])
    theirs = changed(telephony__incoming__mapping=[row | {"policy": "overwrite"}])
    merged = merge(mine, compare(BASE, mine, theirs), {})["telephony"]["incoming"]["mapping"]
    assert [(one["field"], one["policy"]) for one in merged] == [("utmSource", "overwrite"), ("comments", "create")]


def test_rules_and_conditions_are_one_setting_each():
    rules = BASE["telephony"]["incoming"]["responsible"]["rules"]
    mine = changed(telephony__incoming__responsible={"rules": [*rules, {"name": "Днём"}], "default": 1})
    theirs = changed(telephony__incoming__responsible={"rules": [{"name": "Утром"}, *rules], "default": 1})
    found = compare(BASE, mine, theirs)
    assert told(found) == {"telephony.incoming.responsible.rules": (True, True, True)}
    both = merge(mine, found, {"telephony.incoming.responsible.rules": "theirs"})
    assert [one["name"] for one in both["telephony"]["incoming"]["responsible"]["rules"]] == ["Утром", "Ночью"]


def test_rows_of_the_same_name_are_not_lost():
    twice = [{"number": ""}, {"number": ""}, {"number": ""}]
    mine = changed(telephony__numbers=twice)
    assert merge(mine, compare(BASE, mine, BASE), {})["telephony"]["numbers"] == twice
    assert len([place for place in settings_of(mine) if place[:2] == ("telephony", "numbers")]) == 3


def test_document_whose_base_is_unknown_conflicts_wherever_it_differs():
    mine, theirs = changed(main__country="KZ"), changed(telephony__mode="webrtc")
    conflicts = [one.path for one in compare({}, mine, theirs) if one.is_conflict]
    assert conflicts == ["main.country", "telephony.mode"]


def test_changed_paths_are_those_of_the_controls():
    value = {"all": [{"fact": "result", "op": "eq", "value": "answered"}]}
    mine = changed(telephony__incoming__filter=value, main__country="KZ")
    assert changed_paths(BASE, mine) == ["main.country", "telephony.incoming.filter.nodes[0].value"]
    bare = changed(telephony__incoming__responsible={"rules": [{"name": "Ночью"}], "default": 1})
    assert changed_paths(BASE, bare) == []
