"""Every address of the product, read from the URL resolver: what is added later is tested without being named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_KINDS = {"UUIDConverter": "uuid", "IntConverter": "int", "StringConverter": "str"}


@dataclass(frozen=True)
class Route:
    """An address with its variable parts as Django writes them, and the names of these."""

    pattern: str
    parts: Mapping[str, str]

    def path(self, **values: Any) -> str:
        """The address with its parts filled in. Raises KeyError."""
        path = f"/{self.pattern}"
        for name, kind in self.parts.items():
            path = path.replace(f"<{kind}:{name}>", str(values[name]))
        return path


def all_routes() -> list[Route]:
    """All but those of Django's own admin."""
    return sorted(_walk(get_resolver().url_patterns, ""), key=lambda route: route.pattern)


def _walk(patterns: Any, prefix: str) -> Iterator[Route]:
    for one in patterns:
        pattern = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, pattern) if pattern != "admin/" else ()
        elif isinstance(one, URLPattern):
            converters = one.pattern.converters
            yield Route(pattern, {name: _KINDS[type(kind).__name__] for name, kind in converters.items()})
