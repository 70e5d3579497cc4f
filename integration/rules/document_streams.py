"""Reading one stream of the settings document: filter, responsible rules, what is created, titles, field mapping."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from integration.rules import document_keys as keys
from integration.rules.conditions import Tree, holds_end_fact, parse_tree
from integration.rules.document_reader import ObjectReader, as_number, resolve
from integration.rules.facts import StreamKind
from integration.rules.faults import join_codes, quote
from integration.rules.known import DEFAULT_PIPELINE_ID, LEADS, StageOwner
from integration.rules.mapping_rows import MappingRow, parse_mapping
from integration.rules.responsible import OWNER_ORDER, Assign, AssignTo
from integration.rules.ruleset import CALLS, CreateFor, CreateOptions, CreateWhat, CrmMode
from integration.rules.settings_value import PersonalManager, RuleSettings, StreamSettings, default_stream
from integration.rules.titles import TITLE_KEYS, Title, parse_title

MAX_RULE_NAME = 80
MAX_SPREAD = 50

_ALL = (AssignTo.USER, AssignTo.CLIENT_OWNER, AssignTo.SPREAD)
ASSIGN_OF: Mapping[StreamKind, tuple[AssignTo, ...]] = {
    StreamKind.INCOMING: (AssignTo.USER, AssignTo.CLIENT_OWNER, AssignTo.TALKED, AssignTo.RUNG, AssignTo.SPREAD),
    StreamKind.OUTGOING: (AssignTo.USER, AssignTo.CLIENT_OWNER, AssignTo.TALKED, AssignTo.SPREAD),
    StreamKind.CHAT: (AssignTo.USER, AssignTo.CLIENT_OWNER, AssignTo.OPERATOR, AssignTo.SPREAD),
    StreamKind.REQUEST: (AssignTo.USER, AssignTo.CLIENT_OWNER, AssignTo.OPERATOR, AssignTo.SPREAD),
}
TALKED = ("first", "last", "longest")
_WHICH = {AssignTo.TALKED: TALKED, AssignTo.RUNG: ("first", "last")}


def parse_stream(tab: ObjectReader, kind: StreamKind, *, is_tab_active: bool) -> StreamSettings:
    """Read the stream `kind` of a tab; what is left out has its default."""
    default = default_stream(kind)
    stream = tab.inner(kind.value, keys.STREAM[kind])
    filter_ = _parse_tree(stream, "filter", kind)
    responsible = stream.inner("responsible", keys.RESPONSIBLE[kind])
    rules = _parse_rules(responsible, kind)
    talked = responsible.optional_code("talked", TALKED, default.talked) if kind is StreamKind.OUTGOING else None
    create = _parse_create(stream.inner("create", keys.CREATE[kind]), kind, default.create)
    _warn_of_moment(stream, filter_, create, kind)
    return StreamSettings(
        kind=kind,
        create=create,
        filter=filter_,
        rules=rules,
        talked=talked,
        default_responsible_id=_parse_default(tab, stream, responsible, is_tab_active=is_tab_active),
        change_responsible_of=stream.codes("change_responsible_of", OWNER_ORDER, ()),
        titles=_parse_titles(stream.inner("titles", TITLE_KEYS[kind]), kind),
        mapping=_parse_mapping(stream, kind),
        notify=stream.yes_no("notify", default.notify),
        without_contacts=kind not in CALLS and stream.yes_no("without_contacts", default.without_contacts),
        channels=_parse_channels(stream) if kind is StreamKind.CHAT else None,
        personal_manager=_parse_manager(stream) if kind is StreamKind.INCOMING else default.personal_manager,
    )


def stage_owner(create: CreateOptions) -> StageOwner:
    """Whose stages an object is created in: leads', or those of its pipeline of deals."""
    if create.item == "lead":
        return LEADS
    return DEFAULT_PIPELINE_ID if create.pipeline_id is None else create.pipeline_id


def stage_owners(streams: Mapping[StreamKind, StreamSettings]) -> tuple[StageOwner, ...]:
    """Where calls create objects, and so whose stages fit a virtual number without a pipeline of its own."""
    return tuple(dict.fromkeys(stage_owner(streams[kind].create) for kind in StreamKind if kind in CALLS))


def parse_pipeline_and_stage(reader: ObjectReader, owners: tuple[StageOwner, ...]) -> tuple[int | None, str | None]:
    """Read `pipeline` and `stage`; with a pipeline the stage is one of its own, else one of `owners`."""
    faults = reader.scope.notes.faults
    before = len(faults)
    pipeline_id = reader.number_ref("pipeline", reader.scope.known.pipeline_directory)
    if len(faults) > before:
        return None, None  # without knowing the pipeline nothing can be said about the stage
    return pipeline_id, reader.stage("stage", owners if pipeline_id is None else (pipeline_id,))


def _parse_default(
    tab: ObjectReader, stream: ObjectReader, responsible: ObjectReader, *, is_tab_active: bool
) -> int | None:
    is_missing = responsible.value.get("default") is None and responsible.is_object and stream.is_object
    if is_tab_active and is_missing:
        responsible.refuse("default", f"must be given while {tab.at('active')} is true")
    return responsible.number_ref("default", responsible.scope.known.people)


def _parse_tree(reader: ObjectReader, key: str, kind: StreamKind) -> Tree | None:
    scope = reader.scope
    tree, faults = parse_tree(reader.value.get(key), stream=kind, country=scope.country, path=reader.at(key))
    scope.notes.faults.extend(faults)
    return tree


def _parse_rules(responsible: ObjectReader, kind: StreamKind) -> tuple[RuleSettings, ...]:
    rules: list[RuleSettings] = []
    catcher: str | None = None
    for path, item in responsible.items("rules"):
        reader = responsible.inner_of(item, path, keys.RULE)
        rule = _parse_rule(reader, kind)
        if rule.is_active and catcher:
            responsible.scope.warn(
                path, f"is never reached as long as {catcher}, which has no conditions, finds a person"
            )
        if rule.is_active and reader.is_object and reader.value.get("when") is None and not catcher:
            catcher = f"{quote(rule.name)} above ({path.rsplit('.', 1)[-1]})"
        rules.append(rule)
    return tuple(rules)


def _parse_rule(reader: ObjectReader, kind: StreamKind) -> RuleSettings:
    return RuleSettings(
        name=(reader.text("name", longest=MAX_RULE_NAME) if reader.has("name") else None) or "",
        is_active=reader.yes_no("active", True),
        when=_parse_tree(reader, "when", kind),
        assign=_parse_assign(reader.value["assign"], reader, kind) if reader.has("assign") else Assign(AssignTo.USER),
    )


def _parse_assign(value: Any, rule: ObjectReader, kind: StreamKind) -> Assign:
    allowed = ASSIGN_OF[kind]
    written = value.get("to") if isinstance(value, dict) else None
    to = AssignTo(written) if isinstance(written, str) and written in allowed else None
    path = rule.at("assign")
    # Which keys are known depends on `to`; without it only `to` itself is complained about.
    known_keys = keys.ASSIGN[to] if to else tuple(value) if isinstance(value, dict) else ()
    reader = rule.inner_of(value, path, known_keys)
    if to is None:
        if reader.has("to"):
            reader.refuse("to", f"must be one of {join_codes(allowed)}, not {quote(written)}")
        return Assign(AssignTo.USER)
    if to is AssignTo.USER:
        user_id = _parse_user(reader)
        return Assign(to, user_ids=() if user_id is None else (user_id,))
    if to is AssignTo.CLIENT_OWNER:
        return Assign(to, order=_parse_order(reader))
    if to in _WHICH:
        which = reader.code("which", _WHICH[to], "last") if reader.has("which") else "last"
        return Assign(to, which=which)
    if to is AssignTo.SPREAD:
        return Assign(to, user_ids=_parse_spread(reader), is_only_at_work=reader.yes_no("only_at_work", False))
    return Assign(to)


def _parse_user(reader: ObjectReader) -> int | None:
    if not reader.has("user"):
        return None
    return as_number(resolve(reader.value["user"], reader.at("user"), reader.scope.known.people, reader.scope))


def _parse_order(reader: ObjectReader) -> tuple[str, ...]:
    if reader.value.get("order") == []:
        reader.refuse("order", f"must name at least one of {join_codes(OWNER_ORDER)}")
    return reader.codes("order", OWNER_ORDER, OWNER_ORDER)


def _parse_spread(reader: ObjectReader) -> tuple[int, ...]:
    written = reader.value["users"] if reader.has("users") else None
    if isinstance(written, list) and not 1 <= len(written) <= MAX_SPREAD:
        reader.refuse("users", f"must name 1 to {MAX_SPREAD} people, not {len(written)}")
        return ()
    return reader.refs("users", reader.scope.known.people)


def _parse_create(reader: ObjectReader, kind: StreamKind, default: CreateOptions) -> CreateOptions:
    known = reader.scope.known
    item = reader.code("item", ("lead", "deal"), default.item)
    if item == "lead" and known.crm_mode is CrmMode.DEALS:
        reader.scope.warn(reader.at("item"), "the portal works without leads; deals are made")
    what = reader.code("what", tuple(CreateWhat), default.what) if kind not in CALLS else default.what
    owner: StageOwner = LEADS if item == "lead" else DEFAULT_PIPELINE_ID
    if item == "lead" and reader.value.get("pipeline") is not None:
        reader.refuse("pipeline", f'only with {reader.at("item")} "deal"; leads have no pipelines')
        pipeline_id, stage_id = None, reader.stage("stage", (owner,))
    else:
        pipeline_id, stage_id = parse_pipeline_and_stage(reader, (owner,))
    return CreateOptions(
        for_=CreateFor(reader.code("for", tuple(CreateFor), default.for_)),
        what=CreateWhat(what),
        item=item,
        pipeline_id=pipeline_id,
        stage_id=stage_id,
        source_id=reader.code_ref("source", known.source_directory),
        moment=reader.code("moment", ("start", "end"), default.moment),
        second_open=reader.yes_no("second_open", default.second_open),
    )


def _warn_of_moment(stream: ObjectReader, filter_: Tree | None, create: CreateOptions, kind: StreamKind) -> None:
    if create.for_ is not CreateFor.NONE and create.moment == "start" and holds_end_fact(filter_, kind):
        stream.scope.warn(
            stream.at("filter"),
            "asks for what is known only at the end, so whatever is created is created then, although "
            f'{stream.at("create.moment")} is "start"',
        )


def _parse_titles(reader: ObjectReader, kind: StreamKind) -> dict[str, Title]:
    return {result: parse_template(reader, result, kind) for result in TITLE_KEYS[kind]}


def parse_template(reader: ObjectReader, key: str, kind: StreamKind) -> Title:
    """A title template under a key; left out or "" it is the built-in one."""
    title, faults = parse_title(reader.value.get(key, ""), stream=kind, path=reader.at(key))
    reader.scope.notes.faults.extend(faults)
    return title


def _parse_mapping(stream: ObjectReader, kind: StreamKind) -> tuple[MappingRow, ...]:
    scope = stream.scope
    parsed = parse_mapping(
        stream.value.get("mapping", []),
        stream=kind,
        country=scope.country,
        fields=scope.known.fields,
        path=stream.at("mapping"),
        kept=scope.kept,
    )
    scope.notes.faults.extend(parsed.faults)
    scope.notes.warnings.extend(parsed.warnings)
    # A database may return the pairs of a value table in another order; sorted, they are the same everywhere.
    return tuple(dataclasses.replace(row, values=dict(sorted(row.values.items()))) for row in parsed.rows)


def _parse_channels(stream: ObjectReader) -> tuple[int, ...] | None:
    value = stream.value.get("channels", "all")
    if value == "all":
        return None
    if not isinstance(value, list):
        stream.refuse("channels", f'must be "all" or a list of channels, not {quote(value)}')
        return None
    return stream.refs("channels", stream.scope.known.channel_directory)


def _parse_manager(stream: ObjectReader) -> PersonalManager:
    reader = stream.inner("personal_manager", keys.PERSONAL_MANAGER)
    default = PersonalManager()
    return PersonalManager(
        is_active=reader.yes_no("active", default.is_active),
        is_only_at_work=reader.yes_no("only_at_work", default.is_only_at_work),
    )
