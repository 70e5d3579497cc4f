"""Writing a call: moments, notifications, report rows."""

import secrets
from typing import TYPE_CHECKING, Any

from . import clock
from .story_bodies import body
from .uis_rows import columns, moment

if TYPE_CHECKING:
    from .uis_account import UisAccount

Row = dict[str, Any]
GREETING_SECONDS = 2.0


class CallPlan:
    """A call being written: each method adds a moment and its notification; `finish` makes the report rows.

    `now` is seconds from the beginning. Times in the bodies follow from `start_at` once it is known.
    """

    id_name = "call_session_id"

    def __init__(
        self,
        uis: "UisAccount",
        *,
        client_phone: str = "",
        employees: list[int] | None = None,
        virtual_number: str = "74950000010",
        ring_seconds: float = 13.0,
        talk_seconds: float = 130.0,
        start_at: float | None = None,
        default_bodies: bool = False,
        route: bool = False,
        external_id: str | None = None,
        call_session_id: int | None = None,
        with_record: bool = True,
    ) -> None:
        self.number = call_session_id or uis.next_id("call_session", 5000001001)
        self.phone = client_phone.lstrip("+") or f"7900{uis.next_id('phone', 5550001):07d}"
        self.uis, self.virtual_number, self.start_at = uis, virtual_number, start_at
        self.ring_seconds, self.talk_seconds = ring_seconds, talk_seconds
        self.default_bodies, self.with_record = default_bodies, with_record
        self.external_id = external_id
        self.people = [uis.employee(one) for one in employees or self._routed(route) or [700101]]
        self.direction, self.source, self.scenario = "in", "va", "Отдел продаж"
        self.now = self.length = 0.0
        self.moments: list[tuple[float, str, Row]] = []
        self.client_leg = uis.next_id("leg", 9000001001)
        self.legs: list[Row] = []
        self.talks: list[tuple[Row, float, float]] = []
        self.records: list[str] = []
        self.voice_mails: list[str] = []
        self.answered_at: float | None = None
        self.reason = "subscriber_disconnects"
        self.is_lost = self.is_transfer = False

    def _routed(self, route: bool) -> list[int]:
        if not route:
            return []
        answer = self.uis.ask_route(phone=self.phone, virtual_number=self.virtual_number, call_session_id=self.number)
        found = [self.uis.employee_by_phone(str(phone)) for phone in (answer or {}).get("phones", [])]
        return [row["id"] for row in found if row]

    # --- moments

    def tell(self, event: str, **values: Any) -> None:
        """Add a notification at the present moment."""
        self.moments.append((self.now, event, values))

    def tell_afterwards(self, seconds: float, event: str, **values: Any) -> None:
        """Add a notification that comes so long after the end of the call."""
        self.moments.append((self.now + seconds, event, values))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.length = max(self.length, self.now)

    def begin(self) -> None:
        """The call reaches the virtual number."""
        self.tell("in_call_session")
        self.tell(
            "in_call", leg_id=self.client_leg, calling_phone_number=self.phone, called_phone_number=self.virtual_number
        )
        self.wait(min(GREETING_SECONDS, self.ring_seconds / 2))

    def begin_out(self, person: Row, *, source: str = "sip") -> None:
        """An employee dials the client (source `callapi`: the platform dials both)."""
        self.direction, self.source, self.scenario = "out", source, None
        own = person["phone_numbers"][0]["phone_number"]
        self.tell(
            "out_call_session",
            calling_phone_number=own,
            called_phone_number=self.phone,
            **_who(person),
            employee_phone_number=own,
        )

    def ring(self, person: Row) -> Row:
        """A phone rings; its leg."""
        leg = {"id": self.uis.next_id("leg", 9000001001), "person": person, "from": self.now, "connect": None}
        self.legs.append(leg)
        called = self.phone if self.direction == "out" else person["phone_numbers"][0]["phone_number"]
        calling = person["phone_numbers"][0]["phone_number"] if self.direction == "out" else self.phone
        numbers = {"calling_phone_number": calling, "called_phone_number": called}
        self.tell("out_call", leg_id=leg["id"], **numbers, **_who(person))
        self.tell("call_proceeding", leg_id=leg["id"], **numbers, **_who(person))
        return leg | {"numbers": numbers}

    def answer(self, leg: Row) -> None:
        """The phone is picked up and the talk begins."""
        for row in self.legs:
            if row["id"] == leg["id"]:
                row["connect"] = self.now
        self.answered_at = self.now if self.answered_at is None else self.answered_at
        who = _who(leg["person"])
        self.tell("call_connected", leg_id=leg["id"], **leg["numbers"], **who, wait_time_duration=int(self.answered_at))
        self.tell("talk_started", leg_ids=[self.client_leg, leg["id"]], **leg["numbers"], **who)

    def talk(self, leg: Row, seconds: float) -> None:
        """They talk, and the talk ends."""
        begun = self.now
        self.wait(seconds)
        self.talks.append((leg["person"], begun, self.now))
        who = _who(leg["person"])
        self.tell(
            "talk_finished",
            leg_ids=[self.client_leg, leg["id"]],
            **who,
            talk_time_duration=int(seconds),
            scenario_name=self.scenario,
        )
        self.hang_up(leg)

    def hang_up(self, leg: Row) -> None:
        """A leg closes."""
        for row in self.legs:
            if row["id"] == leg["id"]:
                row["till"] = self.now
        self.tell("call_disconnected", leg_id=leg["id"], **leg["numbers"], **_who(leg["person"]))

    def end(self, *, lost_reason: str | None = None, record: bool = True) -> None:
        """The call is over for everybody; the record follows."""
        person = self.talks[-1][0] if self.talks else self.people[0] if self.direction == "out" else None
        talked = sum(till - begun for _, begun, till in self.talks)
        wait = self.answered_at if self.answered_at is not None else self.now
        self.length = max(self.length, self.now)
        if lost_reason:
            self.tell(
                "lost_call_session",
                wait_time_duration=int(wait),
                employee_ids=[leg["person"]["id"] for leg in self.legs],
                noanswered_employee_full_names=[leg["person"]["full_name"] for leg in self.legs],
                lost_reason=lost_reason,
            )
        self.tell(
            "call_session_finished",
            **_who(person),
            talk_time_duration=int(talked),
            total_time_duration=int(self.now),
            wait_time_duration=int(wait),
            is_transfer=self.is_transfer,
            last_talked_employee_id=self.talks[-1][0]["id"] if self.talks else None,
        )
        if record and self.with_record:
            for who, begun, till in self.talks:
                self._record(who, int(till - begun))

    def voice_mail(self, seconds: int) -> None:
        """The caller leaves a message."""
        self.wait(seconds)
        name = secrets.token_hex(16)
        self.voice_mails.append(name)
        self.tell("voice_message", file_link=f"{self.uis.url}/uis/media/{self.number}/{name}", file_duration=seconds)

    def _record(self, person: Row, seconds: int) -> None:
        name = secrets.token_hex(16)
        self.records.append(name)
        link = f"{self.uis.url}/uis/media/{self.number}/{name}"
        self.tell(
            "talk_record_file", **_who(person), file_link=link, file_duration=seconds, tag_ids=None, tag_names=None
        )

    # --- result

    def finish(self, uis: "UisAccount") -> list[tuple[float, Row]]:
        """Put the report rows into the account and return the notifications with their moments (Unix time)."""
        start = self.start_at or clock.now()
        common = {
            "call_session_id": self.number,
            "communication_id": self.number,
            "communication_type": "call",
            "virtual_phone_number": self.virtual_number,
            "contact_phone_number": self.phone,
            "call_source": self.source,
            "direction": self.direction,
            "scenario_name": self.scenario,
            "start_time": clock.uis_time(start),
            "external_id": self.external_id,
        }
        steps = []
        for number, (offset, event, values) in enumerate(self.moments):
            at = start + offset + number / 1000
            full = common | {"notification_time": clock.uis_time(at)} | values
            if event == "out_call_session":
                full.pop("external_id")
            steps.append((at, body(event, full, default=self.default_bodies)))
        uis.calls.append(self._call_row(start))
        uis.legs += [self._leg_row(start, leg) for leg in self._all_legs()]
        return steps

    def _call_row(self, start: float) -> Row:
        talked = sum(till - begun for _, begun, till in self.talks)
        people = {leg["person"]["id"]: leg for leg in self.legs}
        talkers = [person for person, _, _ in self.talks]
        first, last = (talkers[0], talkers[-1]) if talkers else (None, None)
        wait = int(self.answered_at if self.answered_at is not None else self.length)
        span = self.talks[-1][2] - self.talks[0][1] if self.talks else 0
        row = columns("calls") | {
            "id": self.number,
            "start_time": moment(start),
            "finish_time": moment(start + self.length),
            "finish_reason": self.reason,
            "direction": self.direction,
            "source": self.source,
            "is_lost": self.is_lost,
            "is_transfer": self.is_transfer,
            "contact_phone_number": self.phone,
            "virtual_phone_number": self.virtual_number,
            "communication_id": self.number,
            "communication_type": "call",
            "wait_duration": wait,
            "total_wait_duration": wait,
            "talk_duration": int(span),
            "clean_talk_duration": int(talked),
            "total_duration": int(self.length),
            "call_records": list(self.records),
            "voice_mail_records": list(self.voice_mails),
            "full_record_file_link": f"{self.uis.url}/uis/media/{self.number}/{self.records[0]}"
            if self.records
            else None,
            "scenario_id": 300400 if self.scenario else None,
            "scenario_name": self.scenario,
            "call_api_external_id": self.external_id,
            "attributes": ["lost"] if self.is_lost else [],
            "employees": [
                {
                    "employee_id": number,
                    "employee_full_name": leg["person"]["full_name"],
                    "is_answered": leg["connect"] is not None,
                    "is_talked": number in {one["id"] for one in talkers},
                }
                for number, leg in people.items()
            ],
        }
        for name, person in (
            ("first_talked", first),
            ("last_talked", last),
            ("first_answered", first),
            ("last_answered", last),
        ):
            row[f"{name}_employee_id"] = person["id"] if person else None
            row[f"{name}_employee_full_name"] = person["full_name"] if person else None
        return row | {"_from": start, "_till": start + self.length}

    def _all_legs(self) -> list[Row]:
        client = {"id": self.client_leg, "person": None, "from": 0.0, "connect": 0.0, "till": self.length}
        return [client, *self.legs] if self.direction == "in" else self.legs

    def _leg_row(self, start: float, leg: Row) -> Row:
        person, till = leg["person"], leg.get("till", self.length)
        connect = leg["connect"]
        outgoing = person is None or self.direction == "out"
        return columns("call_legs") | {
            "id": leg["id"],
            "call_session_id": self.number,
            "start_time": moment(start + leg["from"]),
            "connect_time": None if connect is None else moment(start + connect),
            "duration": int(till - connect) if connect is not None else 0,
            "total_duration": int(till - leg["from"]),
            "finish_reason": self.reason if connect is not None else "no_success_operator_call",
            "virtual_phone_number": self.virtual_number,
            "calling_phone_number": self.phone if person is None or self.direction == "in" else self.virtual_number,
            "called_phone_number": self.virtual_number
            if person is None
            else self.phone
            if outgoing
            else person["phone_numbers"][0]["phone_number"],
            "direction": "in" if person is None else "out",
            "is_transfered": False,
            "is_operator": person is not None,
            "is_failed": connect is None,
            "is_coach": False,
            "is_talked": connect is not None and person is not None,
            "employee_id": person["id"] if person else None,
            "employee_full_name": person["full_name"] if person else None,
            "employee_phone_number": person["phone_numbers"][0]["phone_number"] if person else None,
            "scenario_id": 300400 if self.scenario else None,
            "scenario_name": self.scenario,
            "contact_phone_number": self.phone,
            "call_records": list(self.records) if connect is not None and person is not None else [],
            "_from": start,
            "_till": start + self.length,
        }


def _who(person: Row | None) -> Row:
    return {
        "employee_id": person["id"] if person else None,
        "employee_full_name": person["full_name"] if person else None,
    }
