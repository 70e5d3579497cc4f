"""What a browser would send of the settings form of a page: its controls in their order, for tests."""

from html.parser import HTMLParser


class FormReader(HTMLParser):
    """Collects the successful controls of a page, and what is marked as wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[list[str]] = []
        self.data: dict[str, str] = {}
        self.invalid: dict[str, str] = {}
        self.ids: list[str] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name = given.get("name", "")
        if "id" in given:
            self.ids.append(given["id"])
        if given.get("id") == "settings":
            self.data = {key: value or "" for key, value in given.items() if key.startswith("data-")}
        if given.get("aria-invalid"):
            self.invalid[given["id"]] = given.get("aria-describedby", "")
        if tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select is not None:
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.add(name, given.get("value", ""))

    def handle_endtag(self, tag):
        if tag == "select" and self._select is not None:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            self.add(self._select, (chosen or [self._options[0][0]])[-1])
            self._select = None
        elif tag == "textarea" and self._area is not None:
            self.add(self._area, self._text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None

    def handle_data(self, data):
        self._text += data

    def add(self, name: str, value: str) -> None:
        if ":" in name:
            self.pairs.append([name, value])


def read_form(html: str) -> FormReader:
    reader = FormReader()
    reader.feed(html)
    return reader
