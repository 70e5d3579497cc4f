"""Running many decisions at once: their questions go out together, equal ones once, at most 50 commands a request."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone

from crm_bitrix import batch, rulesets
from crm_bitrix.actions import Answer, Decision, DoneActions, Json, Plan, Question, QuestionRefused, Refusal
from crm_bitrix.client import METHOD_REST, Client, pause_methods
from crm_bitrix.errors import Cause, PortalError, cause_of
from integration.inbox import KINDS
from integration.models import ClientLink, Communication

ROUNDS = 6
"""More questions in a row than any decision has: client, his details, his deals, statistics, presence, chat."""
UNANSWERED = Refusal("NOT_ANSWERED", "the portal left this command out of its answer")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """Why a decision could not be taken, and when to try again; None = not before somebody acts."""

    reason: str
    retry_at: datetime | None = None


class Steps:
    """The decisions of one round, each a generator that yields questions and returns a plan.

    One broad `except` stands here: a step that raises fails its own communication, nobody else's.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.decisions: dict[int, Decision] = {}
        self.questions: dict[int, Question] = {}
        self.plans: dict[int, Plan] = {}
        self.failures: dict[int, Failure] = {}

    def start(self, communication: Communication, done: DoneActions) -> None:
        """Begin to decide for a communication."""
        kind = KINDS[communication.kind]

        def first() -> None:
            ruleset = rulesets.load(communication.credential)
            decision = kind.decide(communication.facts, done, ruleset, timezone.now())
            self.decisions[communication.pk] = decision
            self._advance(communication.pk, None)

        self._isolated(communication.pk, first)

    def run(self) -> tuple[Mapping[int, Plan], Mapping[int, Failure]]:
        """Ask until everybody has decided. Raises PortalError, LeaseLost: nothing has happened."""
        for _ in range(ROUNDS):
            if not self.questions:
                break
            asked, self.questions = self.questions, {}
            answers = self._ask({question.identity: question for question in asked.values()})
            for key, question in asked.items():
                self._isolated(key, partial(self._advance, key, answers[question.identity]))
        for key in self.questions:
            self.failures[key] = Failure("решение не принято: слишком много вопросов к порталу")
        return self.plans, self.failures

    def _advance(self, key: int, answer: Answer | None) -> None:
        try:
            self.questions[key] = self.decisions[key].send(answer)
        except StopIteration as stop:
            self.plans[key] = stop.value

    def _isolated(self, key: int, step: Callable[[], None]) -> None:
        try:
            step()
        except QuestionRefused as error:
            self.failures[key] = self._refused(error)
        except Exception as error:
            log.exception("communication %s cannot be decided", key)
            self.failures[key] = Failure(f"внутренняя ошибка: {type(error).__name__}: {error}")

    def _refused(self, error: QuestionRefused) -> Failure:
        reason = f"портал отказал в чтении: {error.method} – {error.refusal}"
        if cause_of(error.refusal.code) in (Cause.METHOD_BUSY, Cause.UNKNOWN):
            until = timezone.now() + METHOD_REST
            pause_methods(self.client.portal, {error.method: until})
            return Failure(reason, retry_at=until)
        return Failure(reason)

    def _ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """Ask all, in as few requests as hold them. When they do not fit into one, only what is certainly needed is
        asked: what is found is then asked for by its number."""
        links = self._links(questions.values())
        is_crowded = sum(len(question.commands) for question in questions.values()) > batch.LIMIT
        asked = [question.certain if is_crowded else question for question in questions.values() if question.commands]
        answers = {name: Answer({}, links(one)) for name, one in questions.items() if not one.commands}
        told: list[Answer] = []
        for request in batch.pack(asked):
            commands = {
                f"q{number}_{name}": batch.prefixed(command, f"q{number}_")
                for number, question in enumerate(request)
                for name, command in question.commands
            }
            results = self.client.batch(commands).results
            _raise_for_whole(results.values())
            for number, question in enumerate(request):
                part = {name: results.get(f"q{number}_{name}", UNANSWERED) for name, _command in question.commands}
                told.append(Answer(part, links(question)))
        return answers | dict(zip((name for name, one in questions.items() if one.commands), told, strict=True))

    def _links(self, questions: Iterable[Question]) -> Callable[[Question], tuple[tuple[str, int], ...]]:
        """What tells the objects that we remember for the client of a question; one query for all of them."""
        keys = {key for question in questions for key in question.client_keys}
        rows = ClientLink.objects.filter(portal=self.client.portal, key__in=keys) if keys else ClientLink.objects.none()
        remembered: dict[str, list[tuple[str, int]]] = {}
        for key, kind, number in rows.order_by("pk").values_list("key", "object_type", "object_id"):
            remembered.setdefault(key, []).append((kind, number))
        return lambda question: tuple(link for key in question.client_keys for link in remembered.get(key, ()))


def _raise_for_whole(results: Iterable[Json | Refusal]) -> None:
    """A refusal that concerns the portal, not the question: nothing was asked."""
    for result in results:
        if isinstance(result, Refusal) and cause_of(result.code) in (Cause.TOKEN, Cause.HOLD, Cause.BUSY):
            raise PortalError(cause_of(result.code), str(result), code=result.code)
