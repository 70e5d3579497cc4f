"""Settings and dictionaries → the ruleset that decisions read. Pure, so that unsaved settings can be rehearsed too."""

from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType

from integration.rules.checks import Check, compile_tree
from integration.rules.conditions import Tree, facts_of_tree, holds_end_fact
from integration.rules.facts import Moment, StreamKind, moment
from integration.rules.mapping_rows import Fields
from integration.rules.responsible import Rule
from integration.rules.ruleset import CALLS, CrmMode, Employee, Ruleset, StreamRules, TelephonyOptions
from integration.rules.settings_value import RuleSettings, Settings, StreamSettings


def compile_ruleset(
    settings: Settings,
    *,
    revision: int,
    language: str,
    crm_mode: CrmMode,
    portal_domain: str,
    zone: tzinfo,
    employees: Mapping[int, Employee],
    active_user_ids: frozenset[int] | None,
    fallback_user_id: int | None,
    fields: Fields,
    number_sources: frozenset[str] = frozenset(),
    own_numbers: tuple[str, ...] = (),
    number_names: Mapping[str, str] = MappingProxyType({}),
    user_names: Mapping[int, str] = MappingProxyType({}),
    tells_presence: bool = False,
) -> Ruleset:
    """The ruleset of these settings. The other arguments are as in `Ruleset`."""
    telephony = settings.telephony
    return Ruleset(
        revision=revision,
        streams={
            kind: _compile_stream(stream, is_active=_is_active(settings, kind), zone=zone)
            for kind, stream in settings.streams.items()
        },
        language=language,
        crm_mode=crm_mode,
        portal_domain=portal_domain,
        zone=zone,
        country=settings.country,
        client_order=settings.client_order,
        employees=employees,
        active_user_ids=active_user_ids,
        fallback_user_id=fallback_user_id,
        telephony=TelephonyOptions(
            mode=telephony.mode,
            records=telephony.records,
            number_as_source=telephony.number_as_source,
            numbers={number.number: number.options for number in telephony.numbers},
            click_to_call_number=telephony.click_to_call_number,
            form_callback=telephony.form_callback,
            missed_call_message=telephony.missed_call_message,
        ),
        fields=fields,
        number_sources=number_sources,
        own_numbers=own_numbers,
        number_names=number_names,
        user_names=user_names,
        tells_presence=tells_presence,
    )


def _is_active(settings: Settings, kind: StreamKind) -> bool:
    tab = settings.telephony.is_active if kind in CALLS else settings.is_chats_active
    return settings.is_active and tab


def _compile_stream(stream: StreamSettings, *, is_active: bool, zone: tzinfo) -> StreamRules:
    return StreamRules(
        kind=stream.kind,
        is_active=is_active,
        filter=_compile(stream.filter, zone),
        filter_needs_end=stream.filter is not None and holds_end_fact(stream.filter, stream.kind),
        rules=tuple(_compile_rule(rule, stream.kind, zone) for rule in stream.rules),
        talked=stream.talked,
        default_responsible_id=stream.default_responsible_id,
        create=stream.create,
        titles=stream.titles,
        mapping=stream.mapping,
        notify=stream.notify,
        change_responsible_of=frozenset(stream.change_responsible_of),
        without_contacts=stream.without_contacts,
        channels=frozenset(stream.channels) if stream.channels is not None else None,
        personal_manager=stream.personal_manager,
        end_facts=_end_facts(stream),
        deciding_facts=_deciding_facts(stream),
    )


def _end_facts(stream: StreamSettings) -> frozenset[str]:
    """The facts of the end that are asked for anywhere in a stream."""
    named = set(_deciding_facts(stream))
    named |= {name for title in stream.titles.values() for name in title.facts}
    named |= {row.fact for row in stream.mapping if row.fact}
    return frozenset(name for name in named if moment(name, stream.kind) is Moment.END)


def _deciding_facts(stream: StreamSettings) -> frozenset[str]:
    """The facts that the filter and the responsible rules of a stream ask for."""
    trees = (stream.filter, *(rule.when for rule in stream.rules if rule.is_active))
    return frozenset(name for tree in trees if tree is not None for name in facts_of_tree(tree))


def _compile_rule(rule: RuleSettings, kind: StreamKind, zone: tzinfo) -> Rule:
    return Rule(
        name=rule.name,
        assign=rule.assign,
        check=_compile(rule.when, zone),
        holds_end_fact=rule.when is not None and holds_end_fact(rule.when, kind),
        is_active=rule.is_active,
    )


def _compile(tree: Tree | None, zone: tzinfo) -> Check | None:
    return compile_tree(tree, zone=zone) if tree is not None else None
