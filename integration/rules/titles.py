"""Title templates: `{{fact}}` and `{{first|second|"text"}}`, and nothing else.

A template is cut into pieces once, when settings are saved; rendering joins them. There is no template engine behind
it, so a client's name that looks like a template stays a name.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from types import MappingProxyType
from typing import Any

from integration.rules.facts import FACTS, RESULTS, STREAM_NAMES, Facts, StreamKind
from integration.rules.faults import Fault, find_unstorable, quote
from integration.rules.wording import show_fact

MAX_TEMPLATE = 500
MAX_TITLE = 255

# _GAP stands where a substitution gave nothing, until the separators around it are gone; _GUARD stands around what a
# substitution gave, so that a separator at the end of a name is not taken for one of the template. Neither can come
# from outside: control characters are taken out of everything else.
_GAP, _GUARD = "\0", "\1"
_SEPARATORS = r"[\s:;,.|/\\•·–—-]*"
_OPENING, _CLOSING = "([{«“<", ")]}»”>"
_GAP_IN_BRACKETS = re.compile(
    "|".join(rf"{re.escape(left)}\s*\0\s*{re.escape(right)}" for left, right in zip(_OPENING, _CLOSING, strict=True))
)
_GAP_AFTER_OPENING = re.compile(rf"(\A|[{re.escape(_OPENING)}])\s*\0{_SEPARATORS}")
_GAP_BEFORE_CLOSING = re.compile(rf"{_SEPARATORS}\0\s*(\Z|[{re.escape(_CLOSING)}])")
_GAP_BEFORE_GAP = re.compile(rf"\0{_SEPARATORS}(?=\0)")
_GAP_BETWEEN = re.compile(rf"({_SEPARATORS})\0{_SEPARATORS}")
# Marks that turn the direction of the text after them, in a title of somebody else's list.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Substitution:
    """One `{{…}}`: alternatives in order, each a fact name or, with `is_text`, a text to be taken as it is."""

    alternatives: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Title:
    """A parsed template; `text` is what the administrator wrote and what export writes."""

    text: str
    pieces: tuple[str | Substitution, ...]

    @property
    def facts(self) -> frozenset[str]:
        """The names of the facts that the template asks for."""
        substitutions = [piece for piece in self.pieces if isinstance(piece, Substitution)]
        return frozenset(name for one in substitutions for name, is_text in one.alternatives if not is_text)

    def render(self, facts: Facts, *, zone: tzinfo, language: str = "ru") -> str:
        """Fill in the facts; at most 255 characters on one line.

        Where a substitution is empty, so are the brackets around it; of the separators on its two sides only those
        before it stay, at the edge of the title or of a bracket none. "Звонок: {{client_name}} ({{tags}})" without
        facts is "Звонок". Control characters are removed, line breaks become spaces. May be "" if all facts are
        absent. `zone` is the UIS account's; `language` words yes/no, weekdays and our own codes.
        """
        parts = [
            _clean(piece) if isinstance(piece, str) else _fill(piece, facts, zone, language) or _GAP
            for piece in self.pieces
        ]
        return _cut(_close_gaps("".join(parts)))


def parse_title(text: Any, *, stream: StreamKind, path: str) -> tuple[Title, tuple[Fault, ...]]:
    """Read a title template of a stream; with faults the title must not be used. "" gives a title without pieces.

    Faults: not a text, over 500 characters, an unclosed `{{` or quote, an empty `{{}}`, an unknown fact or one that
    the stream does not offer.
    """
    message = _refuse_text(text)
    if message:
        return Title("", ()), (Fault(path, message),)
    pieces: list[str | Substitution] = []
    faults: list[Fault] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        pieces.append(text[position:start])
        inner, position = _read_inner(text, start + 2)
        if inner is None:
            faults.append(Fault(path, f"{quote(text[start:])} is not closed"))
            break
        substitution, messages = _parse_inner(inner, stream)
        pieces.append(substitution)
        faults.extend(Fault(path, message) for message in messages)
    else:
        pieces.append(text[position:])
    return Title(text, tuple(piece for piece in pieces if piece)), tuple(faults)


@cache
def default_title(language: str, stream: StreamKind, result: str) -> Title:
    """The built-in title; languages other than "ru" and "en" get the English one. KeyError for a wrong result."""
    titles = DEFAULT_TITLES.get(language, DEFAULT_TITLES["en"])
    title, _ = parse_title(titles[stream][result], stream=stream, path="")
    return title


def _refuse_text(text: Any) -> str | None:
    if not isinstance(text, str):
        return f"must be a text, not {quote(text)}"
    if len(text) > MAX_TEMPLATE:
        return f"must be at most {MAX_TEMPLATE} characters, not {len(text)}"
    unstorable = find_unstorable(text)
    return f"holds {unstorable}, which cannot be stored" if unstorable else None


def _read_inner(text: str, start: int) -> tuple[list[str] | None, int]:
    """Alternatives between `start` and the closing braces, and the place after these; None if they are missing."""
    alternatives: list[str] = []
    current, position = "", start
    while position < len(text):
        if text.startswith("}}", position):
            return [*alternatives, current], position + 2
        if text[position] == '"':
            end = text.find('"', position + 1)
            if end < 0:
                return None, position
            current += text[position : end + 1]
            position = end + 1
        elif text[position] == "|":
            alternatives.append(current)
            current = ""
            position += 1
        else:
            current += text[position]
            position += 1
    return None, position


def _parse_inner(written: list[str], stream: StreamKind) -> tuple[Substitution, list[str]]:
    if not any(alternative.strip() for alternative in written):
        return Substitution(()), ["empty {{}}"]
    alternatives: list[tuple[str, bool]] = []
    messages = []
    for alternative in map(str.strip, written):
        if len(alternative) >= 2 and alternative[0] == alternative[-1] == '"' and alternative.count('"') == 2:
            alternatives.append((alternative[1:-1], True))
            continue
        fact = FACTS.get(alternative)
        if not alternative:
            messages.append("an empty alternative beside |")
        elif fact is None:
            messages.append(f"unknown fact {quote(alternative)}")
        elif stream not in fact.moments:
            messages.append(f"{quote(alternative)} is not a fact of {STREAM_NAMES[stream]}")
        alternatives.append((alternative, False))
    return Substitution(tuple(alternatives)), messages


def _fill(substitution: Substitution, facts: Facts, zone: tzinfo, language: str) -> str:
    for name, is_text in substitution.alternatives:
        shown = name if is_text else show_fact(name, facts.get(name), zone=zone, language=language)
        cleaned = _clean(shown[: 2 * MAX_TITLE]).strip()
        if cleaned:
            return f"{_GUARD}{cleaned}{_GUARD}"
    return ""


def _clean(text: str) -> str:
    """One line without control characters, half surrogate pairs and marks that turn the direction of text."""
    if text.isprintable():
        return text
    spaced = re.sub(r"\s", " ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cs") and c not in _DIRECTION_MARKS)


def _close_gaps(text: str) -> str:
    """Take out the gaps: with their brackets, then with the separators that have nothing to separate any more."""
    before = None
    while _GAP in text and text != before:
        before = text
        text = _GAP_BEFORE_GAP.sub("", _GAP_IN_BRACKETS.sub(_GAP, text))
    if _GAP in text:
        text = _GAP_BEFORE_CLOSING.sub(r"\1", _GAP_AFTER_OPENING.sub(r"\1", text))
        text = _GAP_BETWEEN.sub(r"\1", text)
    return " ".join(text.replace(_GUARD, "").split())


def _cut(text: str) -> str:
    """255 characters; not in the middle of a joined emoji."""
    return text if len(text) <= MAX_TITLE else text[:MAX_TITLE].rstrip().rstrip("\u200d\ufe0f")


_CALLER = "{{client_name|contact_full_name|contact_phone_number"
DEFAULT_TITLES: Mapping[str, Mapping[StreamKind, Mapping[str, str]]] = MappingProxyType(
    {
        "ru": {
            StreamKind.INCOMING: {
                "answered": f'Звонок: {_CALLER}|"номер скрыт"}}}}',
                "missed": f'Пропущенный звонок: {_CALLER}|"номер скрыт"}}}}',
            },
            StreamKind.OUTGOING: {
                "answered": f"Исходящий звонок: {_CALLER}}}}}",
                "unanswered": f"Недозвон: {_CALLER}}}}}",
            },
            StreamKind.CHAT: {
                "answered": 'Чат {{chat_channel_name}}: {{client_name|visitor_name|chat_username|"посетитель"}}',
                "missed": 'Пропущен чат {{chat_channel_name}}: {{client_name|visitor_name|chat_username|"посетитель"}}',
            },
            StreamKind.REQUEST: {
                "received": 'Заявка: {{client_name|visitor_name|visitor_phone_number|visitor_email|"без имени"}}',
            },
        },
        "en": {
            StreamKind.INCOMING: {
                "answered": f'Call: {_CALLER}|"hidden number"}}}}',
                "missed": f'Missed call: {_CALLER}|"hidden number"}}}}',
            },
            StreamKind.OUTGOING: {
                "answered": f"Outgoing call: {_CALLER}}}}}",
                "unanswered": f"Unanswered call: {_CALLER}}}}}",
            },
            StreamKind.CHAT: {
                "answered": 'Chat {{chat_channel_name}}: {{client_name|visitor_name|chat_username|"visitor"}}',
                "missed": 'Missed chat {{chat_channel_name}}: {{client_name|visitor_name|chat_username|"visitor"}}',
            },
            StreamKind.REQUEST: {
                "received": 'Request: {{client_name|visitor_name|visitor_phone_number|visitor_email|"no name"}}',
            },
        },
    }
)
TITLE_KEYS: Mapping[StreamKind, tuple[str, ...]] = MappingProxyType({**RESULTS, StreamKind.REQUEST: ("received",)})
