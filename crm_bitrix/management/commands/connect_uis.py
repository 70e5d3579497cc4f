"""Join a UIS account to a portal: `manage.py connect_uis <portal domain> --name NAME --brand uis --key KEY`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_bitrix import connecting
from crm_bitrix.management.named import portal_named
from integration import audit
from integration.models import Brand


class Command(BaseCommand):
    help = (
        "Try a UIS key, make a credential of it, and print once, as JSON, the addresses that UIS is to call: they hold "
        "a secret that is kept nowhere. Exit code 0 done, 1 refused (nothing is changed), 2 wrong usage or no such "
        "portal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("portal", help="address of a portal on which the application is installed")
        parser.add_argument("--name", required=True, help="name of the credential, as the screens show it")
        parser.add_argument("--brand", default=Brand.UIS.value, choices=Brand.values)
        parser.add_argument("--key", required=True, help="API key of the UIS account")

    def handle(self, *args: Any, portal: str, name: str, brand: str, key: str, **options: Any) -> None:
        found = portal_named(portal)
        try:
            credential, addresses = connecting.make_credential(found, name=name, brand=brand, key=key)
        except connecting.ConnectRefused as error:
            raise CommandError(str(error)) from error
        audit.note(audit.Action.KEY_SET, by=audit.Actor.COMMAND, actor="connect_uis", credential=credential)
        told = {
            "credential": str(credential.uuid),
            "events_url": addresses.events_url,
            "route_url": addresses.route_url,
        }
        self.stdout.write(json.dumps(told, ensure_ascii=False))
