"""One settings document while it is drawn: its values, its faults, and where on the page each path has ended up.

Every control that is drawn is remembered by its path, so that each fault finds its place: its own control, else the
nearest thing above it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from integration.rules.faults import Fault
from integration.rules.known import Known
from settings_ui.screen_edits import find
from settings_ui.screen_faults import word
from settings_ui.screen_form import split_path, to_form_path
from settings_ui.screen_names import name_of_path

Control = dict[str, Any]
"""What a template draws, as plain data."""


def id_at(path: str) -> str:
    """The id of an element of the page, from a path."""
    return "f-" + path.replace("[", "-").replace("]", "").replace(".", "-")


class Sheet:
    """A document with what is known to its portal. `faults`, `warnings`: by the paths of the form."""

    def __init__(
        self, document: Mapping[str, Any], known: Known, *, faults: Iterable[Fault] = (), warnings: Iterable[Fault] = ()
    ) -> None:
        self.document = document
        self.known = known
        self.faults = [(to_form_path(fault.path), fault) for fault in faults]
        self.warnings = [(to_form_path(fault.path), fault) for fault in warnings]
        self.made: dict[str, str] = {}

    def value(self, path: str) -> Any:
        return find(self.document, split_path(path))

    def rows(self, path: str) -> list[Any]:
        """The list at a path, [] where there is none."""
        value = self.value(path)
        return value if isinstance(value, list) else []

    def place(self, path: str, id_: str = "") -> str:
        """Remember that a path is drawn, and return the id of its element."""
        self.made[path] = id_ or id_at(path)
        return self.made[path]

    def errors(self, path: str, *, exact: bool = False) -> list[str]:
        """What is wrong at a path, and below it unless `exact`."""
        return _words(self.faults, path, exact=exact)

    def hints(self, path: str, *, exact: bool = False) -> list[str]:
        """What is worth a look at a path, though it can be saved."""
        return _words(self.warnings, path, exact=exact)

    def lines(self, found: Iterable[tuple[str, Fault]]) -> list[Control]:
        """Faults or warnings as lines that lead to their place."""
        return [self._line(path, fault) for path, fault in found]

    def _line(self, path: str, fault: Fault) -> Control:
        above = path
        while above and above not in self.made:
            above = above[: max(above.rfind("."), above.rfind("["), 0)]
        return {
            "target": self.made.get(above, ""),
            "tab": path.partition(".")[0],
            "where": name_of_path(path),
            "message": word(fault.message),
        }


def _words(found: Iterable[tuple[str, Fault]], path: str, *, exact: bool) -> list[str]:
    below = () if exact else (f"{path}[", f"{path}.")
    return [word(fault.message) for at, fault in found if at == path or at.startswith(below)]
