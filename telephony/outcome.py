"""How a call that we made ended, in the portal's codes. Pure.

Source: Data API, `finish_reason` of the report on calls; https://apidocs.bitrix24.com/api-reference/telephony/,
telephony.externalCall.finish, STATUS_CODE.
"""

from collections.abc import Mapping

from crm_bitrix import payloads

_CODES: Mapping[str, str] = {
    "subscriber_busy": payloads.BUSY,
    "subscriber_number_problems": payloads.WRONG_NUMBER,
    "numb_not_exists": payloads.WRONG_NUMBER,
    "numb_is_inactive": payloads.WRONG_NUMBER,
    # nobody talked, and nothing says why: the client did not take the call
    "": payloads.UNAVAILABLE,
    "subscriber_not_responsible": payloads.UNAVAILABLE,
    "no_success_subscriber_call": payloads.UNAVAILABLE,
    "subscriber_disconnects": payloads.UNAVAILABLE,
    "operator_disconnects": payloads.UNAVAILABLE,
    "success_finish": payloads.UNAVAILABLE,
    "timeout": payloads.UNAVAILABLE,
    "disconnect_before_call_processing": payloads.UNAVAILABLE,
}


def made_call_status(finish_reason: str, *, is_answered: bool) -> str:
    """The code of a call to a client: answered, busy, unavailable, wrong number or OTHER, never "missed"."""
    return payloads.ANSWERED if is_answered else _CODES.get(finish_reason, payloads.OTHER)
