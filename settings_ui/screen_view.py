"""A settings document as the screen draws it: tabs, groups and sections of controls, plain dicts for the templates."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integration.rules.faults import Fault
from integration.rules.known import Known
from settings_ui.screen_controls import draw_fields
from settings_ui.screen_fields import TABS, Group, Section
from settings_ui.screen_lists import draw_filter, draw_mapping, draw_rows, draw_rules
from settings_ui.screen_sheet import Control, Sheet, id_at
from settings_ui.screen_trees import count_conditions

_DRAW: Mapping[str, Callable[[Sheet, Section], Control]] = {
    "filter": draw_filter,
    "responsible": draw_rules,
    "mapping": draw_mapping,
    "numbers": draw_rows,
    "employees": draw_rows,
}


class ScreenView:
    """Draws one document. `faults` and `warnings` are those of the last attempt to save."""

    def __init__(
        self, document: Mapping[str, Any], known: Known, *, faults: Iterable[Fault] = (), warnings: Iterable[Fault] = ()
    ) -> None:
        sheet = self.sheet = Sheet(document, known, faults=faults, warnings=warnings)
        self.tabs = [
            {"code": tab.code, "title": tab.title, "groups": [self._group(group) for group in tab.groups]}
            for tab in TABS
        ]
        for tab in self.tabs:
            tab["faults"] = sum(path.partition(".")[0] == tab["code"] for path, _fault in sheet.faults)
        self.summary = sheet.lines(sheet.faults)
        self.hints = sheet.lines(sheet.warnings)

    def section(self, path: str) -> Control | None:
        """The section that is drawn anew after an edit."""
        groups = (group for tab in self.tabs for group in tab["groups"])
        return next((one for group in groups for one in group["sections"] if one["path"] == path), None)

    def _group(self, group: Group) -> Control:
        return {"code": group.code, "title": group.title, "sections": [self._section(one) for one in group.sections]}

    def _section(self, section: Section) -> Control:
        at, sheet = section.path, self.sheet
        draw = _DRAW.get(section.kind)
        return {
            "path": at,
            "id": sheet.place(at, f"s-{id_at(at)}"),
            "title": section.title,
            "hint": section.hint,
            "kind": section.kind,
            "errors": sheet.errors(at, exact=True),
            "is_open": at.count(".") < 1 or any(path.startswith(f"{at}.") for path, _fault in sheet.faults),
            "brief": self._brief(section),
            **(draw(sheet, section) if draw else {"fields": draw_fields(sheet, section.fields, at)}),
        }

    def _brief(self, section: Section) -> str:
        """What a closed section says of itself: how much is set there."""
        if section.kind == "filter":
            count = count_conditions(self.sheet.value(section.path))
            return _("условий: {count}").format(count=count) if count else _("проходит всё")
        if section.kind == "responsible":
            return _("правил: {count}").format(count=len(self.sheet.rows(f"{section.path}.rules")))
        if section.kind in ("mapping", "numbers", "employees"):
            return _("строк: {count}").format(count=len(self.sheet.rows(section.path)))
        return ""
