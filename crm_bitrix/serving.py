"""Which of a portal's credentials serves a click on a number or a callback."""

from django.db.models import Exists, OuterRef, QuerySet

from integration.models import Credential, Portal, SettingsTab, UisItem


def serving_credential(portal: Portal, *, line: str, user_id: int | None) -> Credential | None:
    """The credential with this virtual number (E.164), else the one that knows this user, else the oldest.

    At each step those that are switched on come first, then the oldest. None: the portal has none at all.
    """
    switched_on = SettingsTab.objects.filter(credential=OuterRef("pk"), tab=SettingsTab.Tab.MAIN, is_active=True)
    credentials = portal.credentials.annotate(is_on=Exists(switched_on)).order_by("-is_on", "pk")
    return _with_line(credentials, line) or _of_user(credentials, user_id) or credentials.first()


def _with_line(credentials: QuerySet[Credential], line: str) -> Credential | None:
    if not line:
        return None
    numbers = UisItem.objects.filter(
        credential=OuterRef("pk"), kind=UisItem.Kind.NUMBER, code=line, missing_since__isnull=True
    )
    return credentials.filter(Exists(numbers)).first()


def _of_user(credentials: QuerySet[Credential], user_id: int | None) -> Credential | None:
    return credentials.filter(employee_links__bitrix_user_id=user_id).first() if user_id else None
