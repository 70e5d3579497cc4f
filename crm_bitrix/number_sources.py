"""Virtual numbers as sources of the CRM: one `UIS_<digits>` per number where the administrator wants that. Pure but for
`wanted`.

A code of our own choosing is unique within the directory, so adding it again cannot make a second one. A source is
never removed or renamed: leads carry it.
Source: https://apidocs.bitrix24.com/api-reference/crm/status/crm-status-add.html
"""

from collections.abc import Iterable, Mapping

from crm_bitrix.actions import Command, Json, Refusal
from integration.models import NumberSettings, Portal, SettingsTab, UisItem
from integration.rules.dictionaries import Entry
from integration.rules.ruleset import number_source

ADD = "crm.status.add"
DIRECTORY = "SOURCE"


def wanted(portal: Portal) -> dict[str, str]:
    """Code → name of the sources that this portal is to have: of numbers that have none set apart for them."""
    tabs = SettingsTab.objects.filter(
        credential__portal=portal, tab=SettingsTab.Tab.TELEPHONY, options__number_as_source=True
    )
    owners = list(tabs.values_list("credential_id", flat=True))
    explicit = NumberSettings.objects.filter(credential__in=owners).exclude(source_id="")
    taken = set(explicit.values_list("credential_id", "number"))
    numbers = UisItem.objects.filter(credential__in=owners, kind=UisItem.Kind.NUMBER, missing_since__isnull=True)
    return {
        number_source(code): name or code
        for owner, code, name in numbers.order_by("code").values_list("credential_id", "code", "name")
        if (owner, code) not in taken
    }


def plan_sources(sources: Mapping[str, str], existing: Iterable[Entry]) -> dict[str, Command]:
    """The commands that add the missing ones, keyed by `source_<code>`."""
    known = {entry.code for entry in existing}
    return {
        f"source_{code}": Command(ADD, {"fields": {"ENTITY_ID": DIRECTORY, "STATUS_ID": code, "NAME": name}})
        for code, name in sources.items()
        if code not in known
    }


def added(commands: Mapping[str, Command], answers: Mapping[str, Json]) -> tuple[tuple[Entry, ...], list[str]]:
    """The sources that are there now, and what was refused."""
    entries, problems = [], []
    for name, command in commands.items():
        fields = command.params["fields"]
        answer = answers.get(name)
        if isinstance(answer, Refusal):
            problems.append(f"источник {fields['NAME']}: {answer}")
        else:
            entries.append(Entry(fields["STATUS_ID"], fields["NAME"], {}))
    return tuple(entries), problems
