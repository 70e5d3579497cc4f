"""The shape of the settings document for readers of `/api/schema/`.

Shape only: what is allowed is decided by `integration.rules.document`, which also names every fault by its path.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_PAIR = {"type": "object", "properties": {"id": {}, "name": {"type": "string"}}, "required": ["id", "name"]}


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}, _PAIR], "nullable": True})
class ReferenceField(serializers.JSONField):
    """An id, a name (of people also an e-mail), or both; written as both."""


@extend_schema_field({"type": "object", "description": "group {all|any: […]} of {fact, op, value}", "nullable": True})
class TreeField(serializers.JSONField):
    """A condition tree, null = no conditions."""


@extend_schema_field({"oneOf": [{"type": "string", "enum": ["all"]}, {"type": "array", "items": _PAIR}]})
class ChannelsField(serializers.JSONField):
    """`"all"` or a list of chat channels."""


class AboutShape(serializers.Serializer):
    portal = serializers.CharField(required=False)
    credential = serializers.CharField(required=False)
    revision = serializers.IntegerField(required=False)
    exported_at = serializers.DateTimeField(required=False)


class AlertsShape(serializers.Serializer):
    users = serializers.ListField(child=ReferenceField(), required=False)
    emails = serializers.ListField(child=serializers.EmailField(), required=False)


class EmployeeShape(serializers.Serializer):
    uis = ReferenceField()
    bitrix = ReferenceField()
    card = serializers.CharField(required=False)
    line = serializers.CharField(required=False, allow_null=True)


class MainShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    country = serializers.CharField(required=False)
    client_order = serializers.ListField(child=serializers.CharField(), required=False)
    alerts = AlertsShape(required=False)
    employees = EmployeeShape(many=True, required=False)


class NumberShape(serializers.Serializer):
    number = serializers.CharField()
    source = ReferenceField(required=False)
    pipeline = ReferenceField(required=False)
    stage = ReferenceField(required=False)


class ClickToCallShape(serializers.Serializer):
    number = serializers.CharField(required=False, allow_null=True)


class FormCallbackShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    by = serializers.CharField(required=False)
    scenario = ReferenceField(required=False)
    employee = ReferenceField(required=False)
    number = serializers.CharField(required=False, allow_null=True)


class MissedCallMessageShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    reader = serializers.CharField(required=False)
    text = serializers.CharField(required=False, allow_blank=True)


class RuleShape(serializers.Serializer):
    name = serializers.CharField()
    active = serializers.BooleanField(required=False)
    when = TreeField(required=False)
    assign = serializers.DictField()


class ResponsibleShape(serializers.Serializer):
    rules = RuleShape(many=True, required=False)
    default = ReferenceField(required=False)


class OutgoingResponsibleShape(ResponsibleShape):
    talked = serializers.CharField(required=False, allow_null=True)


class MappingShape(serializers.Serializer):
    fact = serializers.CharField(required=False)
    constant = serializers.CharField(required=False)
    object = serializers.CharField()
    field = serializers.CharField()
    policy = serializers.CharField(required=False)
    values = serializers.DictField(child=serializers.CharField(), required=False)
    format = serializers.CharField(required=False, allow_null=True)


class CallCreateShape(serializers.Serializer):
    item = serializers.CharField(required=False)
    pipeline = ReferenceField(required=False)
    stage = ReferenceField(required=False)
    moment = serializers.CharField(required=False)
    second_open = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """`for` is a word of Python, and `source` one of the serializer's arguments."""
        return {
            "for": serializers.CharField(required=False),
            **super().get_fields(),
            "source": ReferenceField(required=False),
        }


class ChatCreateShape(CallCreateShape):
    what = serializers.CharField(required=False)


class StreamShape(serializers.Serializer):
    filter = TreeField(required=False)
    responsible = ResponsibleShape(required=False)
    change_responsible_of = serializers.ListField(child=serializers.CharField(), required=False)
    titles = serializers.DictField(child=serializers.CharField(), required=False)
    mapping = MappingShape(many=True, required=False)
    notify = serializers.BooleanField(required=False)


class PersonalManagerShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    only_at_work = serializers.BooleanField(required=False)


class IncomingShape(StreamShape):
    personal_manager = PersonalManagerShape(required=False)
    create = CallCreateShape(required=False)


class OutgoingShape(StreamShape):
    responsible = OutgoingResponsibleShape(required=False)
    create = CallCreateShape(required=False)


class RequestShape(StreamShape):
    create = ChatCreateShape(required=False)
    without_contacts = serializers.BooleanField(required=False)


class ChatShape(RequestShape):
    channels = ChannelsField(required=False)


class TelephonyShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    mode = serializers.CharField(required=False)
    records = serializers.BooleanField(required=False)
    number_as_source = serializers.BooleanField(required=False)
    numbers = NumberShape(many=True, required=False)
    click_to_call = ClickToCallShape(required=False)
    form_callback = FormCallbackShape(required=False)
    missed_call_message = MissedCallMessageShape(required=False)
    incoming = IncomingShape(required=False)
    outgoing = OutgoingShape(required=False)


class ChatsShape(serializers.Serializer):
    active = serializers.BooleanField(required=False)
    chat = ChatShape(required=False)
    request = RequestShape(required=False)


class DocumentShape(serializers.Serializer):
    """The settings document, version 1. A key that is left out has its default."""

    version = serializers.IntegerField()
    about = AboutShape(required=False)
    main = MainShape(required=False)
    telephony = TelephonyShape(required=False)
    chats = ChatsShape(required=False)


class FaultShape(serializers.Serializer):
    path = serializers.CharField()
    message = serializers.CharField()


class RefusalShape(serializers.Serializer):
    """Everything that is wrong with a document; nothing was saved."""

    errors = FaultShape(many=True)
    warnings = FaultShape(many=True)


class DetailShape(serializers.Serializer):
    detail = serializers.CharField()
