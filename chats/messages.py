"""What people of the portal read from us about chats and requests, in the portal's language. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from urllib.parse import quote

from chats.facts import Message
from crm_bitrix.payloads import COMMENT_BYTES, plain
from integration.rules.facts import Facts, FactValue

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "chat": "Чат",
        "request": "Заявка с сайта",
        "created_chat": "Новый чат",
        "missed_chat": "Пропущенный чат",
        "created_request": "Новая заявка",
        "visitor": "Посетитель",
        "operator": "Оператор",
        "system": "Система",
        "chatbot": "Бот",
        "file": "файл",
        "form": "Форма",
        "page": "Страница",
        "marks": "Метки",
        "phone": "Телефон",
        "email": "E-mail",
        "continued": "продолжение",
        "part": "часть",
    },
    "en": {
        "chat": "Chat",
        "request": "Request from the site",
        "created_chat": "New chat",
        "missed_chat": "Missed chat",
        "created_request": "New request",
        "visitor": "Visitor",
        "operator": "Operator",
        "system": "System",
        "chatbot": "Bot",
        "file": "file",
        "form": "Form",
        "page": "Page",
        "marks": "Marks",
        "phone": "Phone",
        "email": "E-mail",
        "continued": "continued",
        "part": "part",
    },
}
_SOURCES: Mapping[str, str] = {"visitor": "visitor", "operator": "operator", "chatbot": "chatbot"}
_TAIL_BYTES = 200
_WEB = re.compile(r"https?://", re.IGNORECASE)


def word(code: str, language: str) -> str:
    """One of our words; English for every language but Russian."""
    return _TEXTS.get(language, _TEXTS["en"])[code]


def mark(kind: str, number: str, *, turn: int, part: int, parts: int, language: str) -> str:
    """The last line of a comment, which no other comment has: which chat, which turn of it, which part."""
    words = [f"{word(kind, language)} № {number}"]
    words += [f"{word('continued', language)} {turn}"] if turn else []
    words += [f"{word('part', language)} {part + 1}/{parts}"] if parts > 1 else []
    return ", ".join(words)


def transcript(
    told: Sequence[Message], *, number: str, turn: int, visitor: str, zone: tzinfo, language: str
) -> list[str]:
    """The conversation as texts of comments: in order, with authors, times in `zone`, and attachments as links.

    Split where a message ends, if it can be; nothing in it counts as BB code but what is written here.
    """
    pieces: list[str] = []
    day = ""
    for message in told:
        local = message.at.astimezone(zone) if message.at else None
        if local and f"{local:%d.%m.%Y}" != day:
            day = f"{local:%d.%m.%Y}"
            pieces.append(f"[B]{day}[/B]")
        pieces += _lines_of(message, f"{local:%H:%M:%S} " if local else "", visitor, language)
    texts = split(pieces)
    return [
        f"{text}\n{mark('chat', number, turn=turn, part=part, parts=len(texts), language=language)}"
        for part, text in enumerate(texts)
    ]


def split(pieces: Iterable[str], limit: int = COMMENT_BYTES - _TAIL_BYTES) -> list[str]:
    """Join pieces by lines into as few texts of at most `limit` bytes as their order allows; a longer piece is cut."""
    texts: list[str] = []
    room = 0
    for piece in (part for whole in pieces for part in _cut(whole, limit)):
        size = len(piece.encode()) + 1
        if texts and size <= room:
            texts[-1] += f"\n{piece}"
        else:
            texts.append(piece)
            room = limit
        room -= size
    return texts


def _cut(piece: str, limit: int) -> Iterable[str]:
    raw = piece.encode()
    while len(raw) > limit - 1:
        head = raw[: limit - 1].decode(errors="ignore")
        yield head
        raw = raw[len(head.encode()) :]
    yield raw.decode()


def _lines_of(message: Message, clock: str, visitor: str, language: str) -> list[str]:
    """What was said, with its author, then the attachment: a line of its own is never cut in two."""
    author = _author(message, visitor, language)
    head = f"[B]{clock}{plain(author)}:[/B] " if author else clock
    said = [plain(message.text)] if message.text else []
    said += [_link(*message.file, language)] if message.file else []
    return [f"{head}{said[0]}", *said[1:]] if said else []


def _author(message: Message, visitor: str, language: str) -> str:
    if message.source == "visitor":
        return visitor or word("visitor", language)
    known = word(_SOURCES.get(message.source, "system"), language) if message.source else ""
    return message.author or known


def _link(name: str, address: str, language: str) -> str:
    """A link to an attachment; an address that is none of the web is shown, not linked."""
    shown = plain(name or word("file", language))
    if not _WEB.match(address):
        return f"{shown} ({plain(address)})"
    return f"[URL={quote(address, safe=':/?#@!&()*+,;=%~._-')}]{shown}[/URL]"


def chat_lines(facts: Facts, number: str, language: str) -> list[str]:
    """What the activity of a chat says: where it was held and by whom, who the client is, where he came from."""
    held = (("chat", facts.get("chat_channel_name") or number), ("operator", facts.get("employee_full_name")))
    return _lines((*held, *_client(facts), *_origin(facts)), language)


def request_lines(facts: Facts, fields: Sequence[str], number: str, language: str) -> list[str]:
    """What a request says: its text, who to answer, the form with what was filled in, where the client came from.

    One that says nothing is named by its number.
    """
    form = (("form", facts.get("form_name")), *(("", field) for field in fields))
    lines = _lines((("", facts.get("text")), *_client(facts), *form, *_origin(facts)), language)
    return lines or [f"{word('request', language)} № {number}"]


_Told = tuple[str, FactValue]


def _client(facts: Facts) -> tuple[_Told, ...]:
    return ("phone", facts.get("visitor_phone_number")), ("email", facts.get("visitor_email"))


def _origin(facts: Facts) -> tuple[_Told, ...]:
    marks = ", ".join(f"{name}={facts[name]}" for name in _MARKS if facts.get(name))
    return ("page", facts.get("entrance_page") or facts.get("site_domain_name")), ("marks", marks)


def _lines(told: Iterable[_Told], language: str) -> list[str]:
    return [f"{word(code, language)}: {value}" if code else str(value) for code, value in told if value]


_MARKS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
