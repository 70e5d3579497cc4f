"""The list of faults and the page on security are held against the tests and the code."""

import logging
import re
from pathlib import Path

import pytest

from crm_bitrix.models import RequestLog
from integration.masking import MaskingFilter
from integration.models import Lane
from tests.conftest import Product
from tests.test_lane import NEW_PHONE, survive

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
LISTED = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
MARKED = {
    int(number)
    for path in ROOT.glob("tests/test_*.py")
    for number in re.findall(r"^\s*@?pytest\.mark\.fault\((\d+)\)", path.read_text(), re.MULTILINE)
}
ITEMS = re.findall(r"^\| (\d+\.\d[^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)


def test_every_fault_of_the_list_has_a_test_that_bears_its_number():
    assert list(range(1, 51)) == LISTED
    assert set(LISTED) == MARKED


def test_every_item_of_the_standard_names_a_place_and_a_test():
    assert len(ITEMS) > 20
    for item, places, tests in ITEMS:
        named = re.findall(r"`([^`]+)`", places)
        assert named, item
        assert [place for place in named if not (ROOT / place).exists()] == [], item
        assert re.findall(r"`(test_\w+)`", tests), item


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(44)
@pytest.mark.parametrize("fault", ["500", "html", "truncated", "expired_token", "drop_after"])
def test_no_token_secret_or_phone_reaches_log_or_journal_whatever_goes_wrong(
    product: Product, caplog: pytest.LogCaptureFixture, fault: str
):
    """The common search over every test of the suite is more; this one is about what goes wrong at the portal."""
    caplog.set_level(logging.DEBUG)
    product.sandbox.faults.fail_next(2, fault)
    product.play("answered_call", client_phone=NEW_PHONE)
    product.client.post(product.events_path.replace(product.secret, "f" * 43), b"{}", "text/plain")
    survive(product)
    mask = MaskingFilter()
    told = [record.getMessage() for record in caplog.records if mask.filter(record)]
    told += [str(row) for row in RequestLog.objects.values_list("methods", "status")]
    told += Lane.objects.values_list("pause_reason", flat=True)
    portal = product.sandbox.portal
    secrets = [*portal.tokens, *portal.refresh_tokens, portal.client_secret, portal.application_token, product.secret]
    assert len(told) > 10
    for hidden in (*secrets, product.sandbox.uis.key, "f" * 43, NEW_PHONE, NEW_PHONE[1:]):
        assert [line for line in told if hidden in line] == []
