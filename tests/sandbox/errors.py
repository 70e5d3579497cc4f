"""Refusals of the emulated portal."""

from typing import Any


class RestError(Exception):
    """A refusal in the vendor's form: `{"error": code, "error_description": text}` with an HTTP status."""

    def __init__(self, code: str, text: str, *, status: int = 400, extra: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.status, self.extra = code, text, status, extra or {}

    def body(self) -> dict[str, Any]:
        """Body of the answer, without the `time` object."""
        return {"error": self.code, "error_description": self.text, **self.extra}


class BatchDied(Exception):
    """The request ran out of its 60 seconds; what was applied stays applied."""


class ConnectionDropped(Exception):
    """The connection closes here, without an answer; what was applied stays applied."""


def not_found(what: str = "Item not found") -> RestError:
    """The usual refusal of an unknown id."""
    return RestError("NOT_FOUND", what)
