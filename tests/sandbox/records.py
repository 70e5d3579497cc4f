"""What the sandbox writes down about the requests it got."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CommandRecord:
    """One method call, alone or inside a batch.

    `answer` is the value of `result`; `error` is `{"error", "error_description"}` or None. `name` is the
    command's key in its batch. `at` is Unix time.
    """

    request: int
    at: float
    method: str
    params: dict[str, Any]
    answer: Any = None
    error: dict[str, Any] | None = None
    name: str | None = None
    story: str | None = None


@dataclass
class RequestRecord:
    """One HTTP request to a portal; `status` 0 means that no answer was sent. `duration` is real seconds."""

    number: int
    at: float
    method: str
    methods: tuple[str, ...] = ()
    commands: int = 0
    stories: tuple[str, ...] = ()
    status: int = 0
    duration: float = 0.0
    concurrent: int = 1
    fault: str | None = None
    error: str | None = None
    bucket: float = 0.0
    log: list[CommandRecord] = field(default_factory=list)

    @property
    def story(self) -> str | None:
        """The only story of this request, or None when it serves none or several."""
        return self.stories[0] if len(self.stories) == 1 else None

    def row(self) -> dict[str, Any]:
        """Line of the request log for the page."""
        return {
            "number": self.number,
            "at": self.at,
            "method": self.method,
            "methods": list(self.methods),
            "commands": self.commands,
            "stories": list(self.stories),
            "status": self.status,
            "duration": round(self.duration, 4),
            "concurrent": self.concurrent,
            "fault": self.fault,
            "error": self.error,
            "bucket": round(self.bucket, 1),
            "errors": [
                f"{one.method}: {one.error['error']} {one.error['error_description']}" for one in self.log if one.error
            ],
        }
