"""What a live portal proves only by being changed: run on a wish, and cleaned up at once.

contact   a contact of ours is made, looked at, and deleted with everything that hangs on it; a process that dies in
          between leaves it, under the name NAME
call      registered without a card and never finished: it leaves neither an activity nor a line in the statistics
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from crm_bitrix import payloads
from crm_bitrix.actions import METHODS, Action, Command, Json
from crm_bitrix.due import UNCERTAIN
from crm_bitrix.live_checks import Check, Finding, Probe, judged

NAME = "UIS: check of the portal, may be deleted"
PHONE, LINE = "+70000000000", "70000000001"
LOOKS = 30
PAUSE_SECONDS = 0.5


@contextmanager
def _contact(probe: Probe) -> Iterator[tuple[Action, int]]:
    """A contact that lives as long as the check."""
    action = payloads.create_item("contact", origin=f"check:{uuid.uuid4()}", responsible_id=_owner(probe), name=NAME)
    number = int(_send(probe, action)["id"])
    try:
        yield action, number
    finally:
        entity = payloads.ENTITY_TYPE_ID["contact"]
        probe.client.call(Command("crm.item.delete", {"entityTypeId": entity, "id": number}))


def _send(probe: Probe, action: Action) -> Json:
    """Do one action; the parts of its result that are kept."""
    return METHODS[action.method].keep(probe.client.call(Command(action.method, action.params)))


def _owner(probe: Probe) -> int:
    assert probe.portal.token_user_id is not None  # noqa: S101 - a portal with a token has its owner
    return probe.portal.token_user_id


def check_search(probe: Probe) -> Finding:
    """After how long the list finds by its origin what was made."""
    method = METHODS["crm.item.add"]
    assert method.look_up  # noqa: S101 - the table says so
    assert method.found  # noqa: S101
    with _contact(probe) as (action, _number):
        started = timezone.now()
        for _look in range(LOOKS):
            if method.found(action.params, probe.client.call(method.look_up(action.params))):
                spent = timezone.now() - started
                return judged(spent <= UNCERTAIN, f"found after {spent.total_seconds():.1f} s")
            time.sleep(PAUSE_SECONDS)
        return judged(False, f"not found within {LOOKS * PAUSE_SECONDS:.0f} s")


def check_comment(probe: Probe) -> Finding:
    """Whether a comment of the longest length that we write comes back whole."""
    text = "я" * (payloads.COMMENT_BYTES // 2)
    with _contact(probe) as (_action, number):
        added = payloads.add_comment(("contact", number), text, key="comment")
        _send(probe, added)
        fields = added.params["fields"]
        owner = {"ENTITY_TYPE": fields["ENTITY_TYPE"], "ENTITY_ID": fields["ENTITY_ID"]}
        rows = probe.client.call(Command("crm.timeline.comment.list", {"filter": owner, "select": ["ID", "COMMENT"]}))
    kept = max((len(str(row["COMMENT"])) for row in rows), default=0)
    return judged(kept >= len(text), f"of {len(text)} letters {kept} came back")


def check_registration(probe: Probe) -> Finding:
    """Whether a call that is registered twice stays one call; and what another line makes of it."""
    external_id, started_at = f"check:{uuid.uuid4()}", timezone.now()

    def register(line: str) -> str:
        call = payloads.register_call(
            external_id=external_id,
            user_id=_owner(probe),
            phone=PHONE,
            line=line,
            call_type=payloads.INCOMING,
            started_at=started_at,
            is_shown=False,
            bound_to=None,
        )
        return str(_send(probe, call)["CALL_ID"])

    first, again, elsewhere = register(""), register(""), register(LINE)
    told = "gives the same call" if first == again else "gives another call"
    line = "the same" if first == elsewhere else "another one"
    return judged(first == again, f"repeated it {told}; on another line {line}")


CHECKS: tuple[Check[Probe], ...] = (
    Check("P1", "a call registered twice", "a retry of a lost answer shows a second card", check_registration),
    Check("P7", "search by origin", "an answer lost in this time would make a second object", check_search),
    Check("P14", "length of a comment", "conversations have to be cut shorter", check_comment),
)
