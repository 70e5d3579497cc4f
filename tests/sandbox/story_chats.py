"""Scripts of chats and offline requests."""

from typing import TYPE_CHECKING, Any

from . import clock
from .clock import uis_time
from .story_bodies import body
from .uis_rows import columns, moment

if TYPE_CHECKING:
    from .uis_account import UisAccount

Row = dict[str, Any]
CAMPAIGN = {"campaign_id": 910001, "campaign_name": "Посетители без рекламной кампании"}
UTM = {"utm_source": "yandex", "utm_medium": "cpc", "utm_campaign": "spring", "utm_content": None, "utm_term": "купить"}
SITE = {"site_domain_name": "shop.example"}
SILENCE_SECONDS = 25 * 3600.0
MESSENGER_CHANNEL = 28002


class ChatPlan:
    """A chat or an offline request being written; see `CallPlan`."""

    id_name = "chat_id"

    def __init__(
        self,
        uis: "UisAccount",
        *,
        client_phone: str | None = None,
        employees: list[int] | None = None,
        name: str | None = "Сергей",
        email: str | None = None,
        text: str = "Здравствуйте, есть в наличии?",
        start_at: float | None = None,
        default_bodies: bool = False,
        talk_seconds: float = 600.0,
        ring_seconds: float = 20.0,
        channel_id: int = 28001,
        messages_array: bool = False,
        messenger_user: str | None = None,
        **_: Any,
    ) -> None:
        self.uis, self.start_at, self.default_bodies = uis, start_at, default_bodies
        self.phone = f"7900{uis.next_id('phone', 5550001):07d}" if client_phone is None else client_phone.lstrip("+")
        self.people = [uis.employee(one) for one in employees or [700101]]
        self.name, self.email, self.text = name, email, text
        self.talk_seconds, self.answer_seconds = talk_seconds, ring_seconds
        self.channel = self.channel_of(channel_id)
        self.messages_array, self.messenger_user = messages_array, messenger_user
        self.number = 0
        self.status = ""
        self.visitor_id = uis.next_id("visitor", 7200001001)
        self.session_id = uis.next_id("session", 8100001001)
        self.now = self.length = 0.0
        self.moments: list[tuple[float, str, Row]] = []
        self.messages: list[tuple[float, str, str, Row | None]] = []
        self.rows: list[tuple[str, Row]] = []

    def channel_of(self, channel_id: int) -> Row:
        """A channel of the account."""
        return next(row for row in self.uis.directories["chat_channels"] if row["id"] == channel_id)

    def tell(self, event: str, **values: Any) -> None:
        """Add a notification at the present moment."""
        self.moments.append((self.now, event, values))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.length = max(self.length, self.now)

    def say(self, source: str, text: str, person: Row | None = None) -> None:
        """A message of the visitor, an operator or the system."""
        self.messages.append((self.now, source, text, person))

    def transcript(self, start: float) -> Any:
        """The conversation as the end-of-chat notification carries it."""
        spoken = [one for one in self.messages if one[1] != "system"]
        if self.messages_array:
            return [
                {"source": source, "date_time": moment(start + at), "text": text}
                | ({"employee_full_name": person["full_name"]} if person else {})
                for at, source, text, person in spoken
            ]
        lines = []
        for at, _, text, person in spoken:
            who = person["full_name"] if person else self.name or "Посетитель"
            lines.append(f"{moment(start + at)[11:]} {who}: {text}")
        return "\n".join(lines)

    def finish(self, uis: "UisAccount") -> list[tuple[float, Row]]:
        """Put the report rows into the account and return the notifications with their moments."""
        start = self.start_at or clock.now()
        common = {
            "communication_id": self.number,
            self.id_name: self.number,
            "visitor_id": self.visitor_id,
            "visitor_name": self.name,
            "visitor_phone_number": self.phone or None,
            "visitor_email": self.email,
            "visitor_message": self.text,
            "session_id": self.session_id,
            "channel_name": self.channel["name"],
            "chat_channel_name": self.channel["name"],
            "ua_client_id": "1111111111.2222222222",
            "messages": self.transcript(start),
            **SITE,
            **CAMPAIGN,
            **UTM,
        }
        steps = []
        for number, (offset, event, values) in enumerate(self.moments):
            at = start + offset + number / 1000
            full = common | {"notification_time": uis_time(at)} | values
            steps.append((at, body(event, full, default=self.default_bodies)))
        if self.id_name == "chat_id":
            self._chat_rows(uis, start)
        else:
            self._offline_row(uis, start)
        return steps

    def _chat_rows(self, uis: "UisAccount", start: float) -> None:
        person = next((one for _, source, _, one in reversed(self.messages) if source == "operator"), None)
        spoken = [one for one in self.messages if one[1] != "system"]
        uis.chats.append(
            columns("chats")
            | {
                "id": self.number,
                "status": self.status or ("succeed" if person else "lost"),
                "initiator": "visitor",
                "date_time": moment(start),
                "duration": str(int(self.length)),
                "answer_time": int(self.answer_seconds) if person else None,
                "communication_id": self.number,
                "chat_channel_id": self.channel["id"],
                "chat_channel_type": self.channel["type"],
                "chat_channel_name": self.channel["name"],
                "chat_user_id": self.messenger_user,
                "messages_count": len(spoken),
                "is_group_chat": False,
                "is_transfer": any(event == "chat_operator_changed" for _, event, _values in self.moments),
                "release_cause": None if self.status else "closed_by_operator" if person else "closed_by_timeout",
                "employee_id": person["id"] if person else None,
                "employee_full_name": person["full_name"] if person else None,
                "site_id": 41001,
                "visitor_phone_number": int(self.phone) if self.phone else None,
                "visitor_id": self.visitor_id,
                "attributes": ["primary"],
                **SITE,
                **CAMPAIGN,
                **UTM,
                "_from": start,
                "_till": start + self.length,
            }
        )
        for at, source, text, one in self.messages:
            uis.chat_messages.append(
                columns("chat_messages")
                | {
                    "id": uis.next_id("message", 620001001),
                    "chat_id": self.number,
                    "date_time": moment(start + at),
                    "text": text,
                    "source": source,
                    "resource": {},
                    "is_group_chat": False,
                    "visitor_id": self.visitor_id,
                    "employee_id": one["id"] if one else None,
                    "employee_full_name": one["full_name"] if one else None,
                    "_from": start + at,
                    "_till": start + at,
                }
            )

    def _offline_row(self, uis: "UisAccount", start: float) -> None:
        uis.offline_messages.append(
            columns("offline_messages")
            | {
                "id": self.number,
                "date_time": moment(start),
                "text": self.text,
                "communication_id": self.number,
                "status": "not_processed",
                "form_type": "Стандартная",
                "form_name": "Заявка с сайта",
                "site_id": 41001,
                "visitor_phone_number": int(self.phone) if self.phone else None,
                "visitor_email": self.email,
                "visitor_name": self.name,
                "visitor_id": self.visitor_id,
                "visitor_session_id": self.session_id,
                "is_agree_to_process_personal_data": True,
                "is_agree_to_mailing": False,
                **SITE,
                **CAMPAIGN,
                **UTM,
                "_from": start,
                "_till": start,
            }
        )


def _who(person: Row) -> Row:
    return {"employee_id": person["id"], "employee_full_name": person["full_name"]}


def _open(plan: ChatPlan) -> None:
    plan.number = plan.uis.next_id("chat", 300001001)
    plan.tell("chat_started")
    plan.say("system", "Чат начат посетителем")
    plan.wait(1)
    plan.say("visitor", plan.text)


def chat_new(plan: ChatPlan) -> None:
    """A visitor writes; nobody has taken the chat yet."""
    _open(plan)
    plan.status = "new"


def chat_taken(plan: ChatPlan) -> None:
    """An operator takes the chat and answers; it goes on."""
    _open(plan)
    plan.wait(plan.answer_seconds)
    person = plan.people[0]
    plan.tell("chat_accepted_to_work", **_who(person))
    plan.wait(2)
    plan.say("operator", "Добрый день! Да, есть.", person)
    plan.status = "active"


def chat_silent(plan: ChatPlan) -> None:
    """An operator took the chat more than a day ago; since then nobody has said a word, and nobody has closed it."""
    chat_taken(plan)
    plan.start_at = clock.now() - SILENCE_SECONDS


def chat_finished(plan: ChatPlan) -> None:
    """An operator takes the chat, answers, closes it."""
    chat_taken(plan)
    person = plan.people[0]
    plan.wait(plan.talk_seconds)
    plan.tell("chat_finished", employee_full_name=person["full_name"], status="succeed")
    plan.status = ""


def chat_without_contacts(plan: ChatPlan) -> None:
    """The visitor of a site says neither his name nor how he is reached."""
    plan.phone, plan.email, plan.name = "", None, None
    chat_finished(plan)


def chat_in_messenger(plan: ChatPlan) -> None:
    """A client writes in a messenger: his name there is all that is known of him."""
    plan.phone, plan.channel = "", plan.channel_of(MESSENGER_CHANNEL)
    plan.messenger_user = plan.messenger_user or f"user{plan.visitor_id}"
    chat_finished(plan)


def chat_moved(plan: ChatPlan) -> None:
    """An operator takes the chat and hands it over to another one, who closes it."""
    _open(plan)
    plan.wait(plan.answer_seconds)
    first = plan.people[0]
    second = plan.people[1] if len(plan.people) > 1 else plan.uis.employee(700102)
    plan.tell("chat_accepted_to_work", **_who(first))
    plan.wait(5)
    plan.say("operator", "Перевожу вас на коллегу.", first)
    previous = {"previous_employee_id": first["id"], "previous_employee_full_name": first["full_name"]}
    plan.tell("chat_operator_changed", **_who(second), **previous)
    plan.wait(10)
    plan.say("operator", "Здравствуйте, чем помочь?", second)
    plan.wait(plan.talk_seconds)
    plan.tell("chat_finished", employee_full_name=second["full_name"], status="succeed")


def chat_reopened(plan: ChatPlan) -> None:
    """The client writes again into a chat that is over; the same operator takes it once more."""
    chat_finished(plan)
    person = plan.people[0]
    plan.wait(60)
    plan.say("visitor", "И ещё один вопрос")
    plan.tell("chat_accepted_to_work", **_who(person))
    plan.wait(20)
    plan.say("operator", "Слушаю.", person)
    plan.wait(plan.talk_seconds)
    plan.tell("chat_finished", employee_full_name=person["full_name"], status="succeed")


def lost_chat(plan: ChatPlan) -> None:
    """Nobody takes the chat."""
    _open(plan)
    plan.wait(plan.talk_seconds / 2)
    plan.tell("lost_chat", employee_full_name=None)


def offline_request(plan: ChatPlan) -> None:
    """A visitor leaves a request in a form of the site."""
    plan.id_name = "offline_message_id"
    plan.number = plan.uis.next_id("offline", 450001001)
    plan.name = plan.name or "Мария"
    plan.email = plan.email or "maria@example.com"
    plan.tell("offline_message")


_STORIES = (
    *(chat_new, chat_taken, chat_finished, chat_moved, chat_reopened, lost_chat, chat_silent),
    *(chat_without_contacts, chat_in_messenger, offline_request),
)
CHATS = {function.__name__: function for function in _STORIES}
