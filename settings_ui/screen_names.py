"""Places of the document in the words of the screen."""

from settings_ui.screen_fields import TABS, Field, Group
from settings_ui.screen_form import to_form_path


def name_of_path(path: str) -> str:
    """A place in the document, in the words of the screen: "Входящие звонки › Фильтр"."""
    form_path = to_form_path(path)
    names: list[str] = []
    for tab in TABS:
        if form_path.partition(".")[0] != tab.code:
            continue
        names.append(str(tab.title))
        for group in tab.groups:
            found = _within(form_path, group)
            if found:
                return " › ".join(dict.fromkeys([*names, *found]))
    return " › ".join(names) or path


def field_at(path: str) -> Field | None:
    """The setting that stands at a path, None for what is no control of its own."""
    for tab in TABS:
        for section in (section for group in tab.groups for section in group.sections):
            for field in section.fields:
                if path == ".".join(part for part in (section.path, field.key) if part):
                    return field
    return None


def _within(path: str, group: Group) -> list[str]:
    best: list[str] = []
    longest = -1
    for section in group.sections:
        for field in (*section.fields, None):
            at = ".".join(part for part in (section.path, field.key if field else "") if part)
            if (path == at or path.startswith((f"{at}.", f"{at}["))) and len(at) >= longest:
                is_whole_tab = field is None and section.path.count(".") == 0 and path != at
                if is_whole_tab:
                    continue
                longest = len(at)
                best = [str(name) for name in (group.title, section.title, field.label if field else "") if str(name)]
    return best
