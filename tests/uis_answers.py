"""Sample answers of the two interfaces of UIS, an access to them, and what was sent."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import responses

from integration import uis_calls
from integration.models import Lane
from integration.uis import Uis

PAYLOADS = Path(__file__).parent / "payloads"
DATA, CALL = "https://dataapi.uiscom.ru/v2.0", "https://callapi.uiscom.ru/v4.0"
KEY = "test-access-token"
NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
SINCE, TILL = datetime(2026, 3, 16, 7, tzinfo=UTC), datetime(2026, 3, 16, 10, 30, tzinfo=UTC)

in_database = pytest.mark.django_db(transaction=True)


def sample(name):
    return json.loads((PAYLOADS / f"api.{name}.json").read_text())


def answer(data, *, total=None, **limits):
    metadata = {"limits": limits, **({} if total is None else {"total_items": total})}
    return {"jsonrpc": "2.0", "id": "1", "result": {"data": data, "metadata": metadata}}


def refusal(mnemonic, code=-32602, **data):
    return {
        "jsonrpc": "2.0",
        "id": "1",
        "error": {"code": code, "message": "…", "data": {"mnemonic": mnemonic, **data}},
    }


def sent(index=-1):
    """The body of a request that was sent."""
    return json.loads(responses.calls[index].request.body)


def click(uis):
    return uis_calls.start_employee_call(
        uis,
        contact="+79000000001",
        virtual_phone_number="+74950000010",
        external_id="b24:demo-portal:call-request:42",
        employee_id=700101,
    )


@pytest.fixture
def uis():
    return Uis("uis", KEY)


@pytest.fixture
def lane():
    return Lane.objects.create(name="uis:7").name
