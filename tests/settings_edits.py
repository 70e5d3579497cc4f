"""The example of the settings document, changed in one place, and what reading it says."""

import json
import re

from integration.rules.document import parse_document
from integration.rules.facts import StreamKind
from tests.settings_world import COMPLETE, KNOWN

INCOMING, OUTGOING, CHAT, REQUEST = StreamKind
REMOVED = object()
STREAMS = ["telephony.incoming", "telephony.outgoing", "chats.chat", "chats.request"]


def steps(path):
    return [int(index) if index else key for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]


def edit(path, value, text=COMPLETE):
    """The example with one value put in another's place, added or taken away."""
    document = json.loads(text)
    *way, last = steps(path)
    place = document
    for step in way:
        place = place[step] if isinstance(place, list) else place.setdefault(step, {})
    if value is REMOVED:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


def parse(document, known=KNOWN, **options):
    text = document if isinstance(document, str | bytes) else json.dumps(document, ensure_ascii=False)
    return parse_document(text, known=known, **options)


def faults_of(document, known=KNOWN, **options):
    return [str(fault) for fault in parse(document, known, **options).faults]


def warnings_of(document, known=KNOWN, **options):
    parsed = parse(document, known, **options)
    assert parsed.faults == ()
    return [str(warning) for warning in parsed.warnings if not str(warning).startswith("chats.chat.filter: asks")]


def good(document, known=KNOWN):
    parsed = parse(document, known)
    assert [str(fault) for fault in parsed.faults] == []
    return parsed.settings
