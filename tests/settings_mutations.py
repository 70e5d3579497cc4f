"""The complete example of the settings document with one thing changed, as hypothesis draws it."""

import copy
import json

from hypothesis import strategies as st

from tests.settings_world import COMPLETE


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


EXAMPLE = json.loads(COMPLETE)
PLACES = [path for path in places(EXAMPLE) if path]
ODD_TEXTS = st.sampled_from(
    ["", " ", "\0", "\ud800", "💥" * 300, "{{", "{{}}", "Иванов", "12", "true", "null", "é́", "\u202ex"]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 100), st.integers(), st.floats(), ODD_TEXTS, st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXTS | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def look_up(document, path):
    for step in path:
        document = document[step]
    return document


def shown(path):
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


@st.composite
def mutations(draw):
    """The example with something changed, and the path of what was."""
    document = copy.deepcopy(EXAMPLE)
    path = draw(st.sampled_from(PLACES))
    holder, last = look_up(document, path[:-1]), path[-1]
    how = draw(st.sampled_from(["remove", "replace", "add", "swap", "repeat", "huge", "double"]))
    if how == "remove":
        del holder[last]
    elif how == "replace":
        holder[last] = draw(VALUES)
    elif how == "add" and isinstance(holder[last], dict):
        holder[last][draw(ODD_TEXTS | st.text(max_size=5))] = draw(VALUES)
    elif how == "swap":
        other = draw(st.sampled_from(PLACES))
        holder[last] = copy.deepcopy(look_up(EXAMPLE, other))
    elif how == "repeat" and isinstance(holder[last], list):
        holder[last] = holder[last] * draw(st.integers(2, 200))
    elif how == "huge":
        holder[last] = draw(
            st.sampled_from([10**400, "x" * 100_000, [[]] * 10_000, {"all": [{"all": []}] * 60}, -(10**18)])
        )
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    if how == "double" and isinstance(last, str):
        text = text.replace(f"{json.dumps(last)}:", f"{json.dumps(last)}: 1, {json.dumps(last)}:", 1)
        path = next(place for place in PLACES if place[-1] == last)
    return text, path
