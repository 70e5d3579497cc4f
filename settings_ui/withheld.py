"""The choice on Главная: what was withheld while a tab was off is handed over, or passed by."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integration import withheld
from integration.models import Credential, SettingsTab
from settings_ui.access import FrameRequest
from settings_ui.pages import show
from settings_ui.screen_asked import Asked
from settings_ui.screen_form import BadForm

_SAID: Mapping[str, object] = {
    "hand_over": gettext_lazy("Передаётся обращений: {count}. Они пойдут после новых звонков, чатов и заявок."),
    "skip": gettext_lazy("Пропущено обращений: {count}. Они остались в журнале, передать любое можно оттуда."),
}
_WAYS: Mapping[str, Callable[[Credential, str], int]] = {"hand_over": withheld.hand_over, "skip": withheld.skip}


def withheld_of(credential: Credential) -> list[dict[str, Any]]:
    """What is withheld, by tabs, as the page shows it."""
    return [
        {"tab": one.tab, "name": SettingsTab.Tab(one.tab).label, "count": one.count, "is_active": one.is_active}
        for one in withheld.withheld_of(credential)
    ]


def choose(request: FrameRequest, asked: Asked) -> HttpResponse:
    """Hand over or pass by what is withheld in a tab, and show what is left."""
    tab, way = asked.text("tab"), asked.text("way")
    if tab not in withheld.KINDS or way not in _WAYS:
        raise BadForm("no such choice")
    try:
        count = _WAYS[way](asked.credential, tab)
        said = str(_SAID[way]).format(count=count)
    except withheld.StillOff:
        said = _("Вкладка выключена: сначала включите её и сохраните настройки.")
    context = {"withheld": withheld_of(asked.credential), "said": said, "is_admin": True}
    return show(request, "_withheld.html", context)
