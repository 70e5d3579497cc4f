"""Stored reasons in the words of whoever reads them."""

import pytest
from django.utils.translation import override

from integration.reasons import show_reason


@pytest.mark.parametrize(
    ("reason", "russian", "english"),
    [
        ("lead: ACCESS_DENIED", "не создан лид: ACCESS_DENIED", "the lead was not created: ACCESS_DENIED"),
        (
            "correct:deal: 400",
            "итог не записан в CRM: 400",
            "the outcome was not written to the CRM: 400",
        ),
        (
            "late0:lead: ответ непонятен: 5",
            "дополнение не записано в CRM: ответ непонятен: 5",
            "the addition was not written to the CRM: the answer cannot be understood: 5",
        ),
        ("ждёт контактов", "ждёт контактов", "waits for contacts"),
    ],
)
def test_what_was_not_done_is_said_before_what_the_portal_answered(reason: str, russian: str, english: str):
    for language, told in (("ru", russian), ("en", english)):
        with override(language):
            assert show_reason(reason) == told
