"""Join the sandbox's portal and UIS account to the service, as an administrator would have done it.

    python -m tests.connect_sandbox        # SANDBOX_URL, PUBLIC_URL and the service's own environment

1. Ask the sandbox for its portal    a portal that is there already keeps its data and gets the fresh tokens
2. Make the credential               or, where it is there already, a new secret: the old one is kept nowhere
3. Switch the tabs on, synchronise and match
4. Bind the events of the portal, as the installer does
5. Tell the sandbox where to send its notifications
Running it again is harmless.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import django
import requests

SECONDS = 30


def main(sandbox_url: str) -> int:
    """Join both sides and return the exit code."""
    from crm_bitrix import installation, synchronise
    from crm_bitrix.models import SyncRun

    try:
        told = requests.get(f"{sandbox_url}/control/connection", timeout=SECONDS).json()
    except (requests.RequestException, ValueError) as error:
        print(f"The sandbox at {sandbox_url} does not answer: {type(error).__name__}")
        return 1
    portal = save_portal(told)
    credential, addresses = join(portal, told["uis"])
    switch_on(credential)
    run = synchronise.run_now(portal, by="tests.connect_sandbox")
    if run.state != SyncRun.State.DONE:
        print(f"The synchronisation failed: {run.error}")
        return 1
    if problems := installation.bind(portal):
        print("\n".join(problems))
        return 1
    tell_sandbox(sandbox_url, addresses)
    counts = synchronise.summary(run)
    print(f"Joined {portal.domain}: {counts['bitrix'].get('user', 0)} users, employees {counts['employees']}")
    return 0


def save_portal(told: dict[str, Any]) -> Any:
    """Create the row of the portal, or bring it up to date."""
    from crm_bitrix import holds
    from crm_bitrix.connecting import make_portal_lanes
    from integration.models import Portal

    portal, _ = Portal.objects.get_or_create(member_id=told["member_id"])
    portal.domain = told["domain"]
    portal.client_endpoint = told["client_endpoint"]
    portal.oauth_host = told["oauth_url"]
    portal.scope = told["scope"]
    portal.application_token = told["application_token"]
    portal.access_token, portal.refresh_token = told["access_token"], told["refresh_token"]
    portal.token_user_id = told["user_id"]
    portal.token_version += 1
    portal.refreshing_until = portal.uninstalled_at = None
    portal.save()
    make_portal_lanes(portal)
    holds.resume(portal)
    return portal


def join(portal: Any, uis: dict[str, Any]) -> tuple[Any, Any]:
    """Make the credential; one that is there already gets a new secret at once."""
    from django.utils import timezone

    from crm_bitrix import connecting
    from integration.models import Credential
    from integration.notifications import rotate_secret

    credential = Credential.objects.filter(portal=portal, uis_account_id=uis["app_id"]).first()
    if credential is None:
        return connecting.make_credential(portal, name="Песочница", brand=uis["brand"], key=uis["key"])
    connecting.give_key(credential, brand=uis["brand"], key=uis["key"])
    return credential, rotate_secret(credential.pk, now=timezone.now(), keep_previous=timedelta(0))


def switch_on(credential: Any) -> None:
    """Make all tabs active: the first settings of a credential are only waiting for that."""
    from crm_bitrix.known import load_known
    from integration.settings_document import AuthorKind, read_settings, save_settings

    credential.refresh_from_db()
    settings = read_settings(credential)
    active = replace(
        settings, is_active=True, is_chats_active=True, telephony=replace(settings.telephony, is_active=True)
    )
    save_settings(
        credential,
        active,
        known=load_known(credential),
        author_kind=AuthorKind.COMMAND,
        author="tests.connect_sandbox",
    )


def tell_sandbox(sandbox_url: str, addresses: Any) -> None:
    """Give the sandbox the addresses of the service."""
    from django.conf import settings

    body = {
        "events_url": addresses.events_url,
        "route_url": addresses.route_url,
        "product_url": settings.PUBLIC_URL,
        "app_url": f"{settings.PUBLIC_URL}/bitrix24/app/",
    }
    requests.post(f"{sandbox_url}/control/events_url", json=body, timeout=SECONDS).raise_for_status()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    sys.exit(main((os.environ.get("SANDBOX_URL") or "http://127.0.0.1:8090").rstrip("/")))
