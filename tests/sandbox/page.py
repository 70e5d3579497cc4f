"""The page a newcomer sees first: the portal's CRM, pop-ups, request log, and buttons that make things happen."""

from typing import TYPE_CHECKING

from flask import Blueprint

if TYPE_CHECKING:
    from .world import Sandbox


def make_blueprint(sandbox: "Sandbox") -> Blueprint:
    """Routes of the page."""
    return Blueprint("page", __name__)
