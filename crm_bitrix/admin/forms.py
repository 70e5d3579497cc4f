"""Forms of the settings: what they hold is turned into a part of the settings document and checked as one."""

import json
from typing import Any

from django import forms
from django.forms.models import BaseInlineFormSet
from django.utils.translation import gettext_lazy as _

from crm_bitrix.admin.checks import find_faults, refuse, stream_path
from integration.models import FieldMapping, ResponsibleRule, Stream
from integration.rules import document_keys
from integration.rules.facts import StreamKind

LAST = 10_000


class PrettyJSON(json.JSONEncoder):
    """Conditions as people read them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "indent": 2, "ensure_ascii": False})


class ReadableJSONField(forms.JSONField):
    """Nothing is shown as nothing, not as "null"."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class StreamForm(forms.ModelForm):
    """What a stream makes and for whom."""

    class Meta:
        model = Stream
        exclude = ["credential", "kind"]
        widgets = {
            "create_for": forms.Select(
                choices=[
                    ("new", _("новых клиентов")),
                    ("repeat", _("повторных")),
                    ("both", _("всех")),
                    ("none", _("никого")),
                ]
            ),
            "create_what": forms.Select(
                choices=[
                    ("item", _("лид или сделку")),
                    ("activity", _("дело")),
                    ("item_and_activity", _("и то, и другое")),
                ]
            ),
            "item": forms.Select(choices=[("lead", _("лид")), ("deal", _("сделка"))]),
            "moment": forms.Select(choices=[("start", _("в начале")), ("end", _("в конце"))]),
            "talked": forms.Select(
                choices=[("", "—"), ("first", _("первый")), ("last", _("последний")), ("longest", _("дольше всех"))]
            ),
        }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            data["options"] = data["options"] or {}
            data["change_responsible_of"] = data["change_responsible_of"] or []
            row = self.instance
            refuse(find_faults(row.credential, stream_path(row.kind), stream_part(row, data)))
        return data


def stream_part(row: Stream, data: dict[str, Any]) -> dict[str, Any]:
    """The stream's own keys of the document, without what stands in rows of its own."""
    kind = StreamKind(row.kind)
    create = {
        "for": data["create_for"],
        "what": data["create_what"],
        "item": data["item"],
        "pipeline": data["pipeline_id"],
        "stage": data["stage_id"] or None,
        "source": data["source_id"] or None,
        "moment": data["moment"],
        "second_open": data["second_open"],
    }
    part = {
        **data["options"],
        "create": {key: create[key] for key in document_keys.CREATE[kind]},
        "responsible": {"rules": [], "default": data["default_responsible_id"]},
        "notify": data["notify"],
        "change_responsible_of": data["change_responsible_of"],
    }
    if kind is StreamKind.OUTGOING:
        part["responsible"]["talked"] = data["talked"] or None
    return part


class OrderedForm(forms.ModelForm):
    """A row with a place. The place is asked for as a number; rows are saved by it, numbered anew from 0."""

    order = forms.IntegerField(label=_("порядок"), required=False, min_value=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["order"].initial = self.instance.position + 1


class RuleForm(OrderedForm):
    class Meta:
        model = ResponsibleRule
        fields = ["order", "name", "is_active", "conditions", "assign"]


class MappingForm(OrderedForm):
    def clean_values(self) -> dict[str, Any]:
        return self.cleaned_data["values"] or {}

    class Meta:
        model = FieldMapping
        fields = ["order", "fact", "constant", "object", "field", "policy", "values", "format"]


class PartFormSet(BaseInlineFormSet):
    """Rows that are together one part of their stream in the settings document."""

    def clean(self) -> None:
        super().clean()
        if not any(self.errors):
            stream = self.instance
            refuse(find_faults(stream.credential, stream_path(stream.kind), self.part(self.kept_data())))

    def part(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        raise NotImplementedError

    def kept_forms(self) -> list[Any]:
        """The forms whose rows remain, in the order they ask for."""
        kept = [
            form for form in self.forms if form not in self.deleted_forms and (form.instance.pk or form.has_changed())
        ]
        return sorted(kept, key=lambda form: form.cleaned_data.get("order") or LAST)

    def kept_data(self) -> list[dict[str, Any]]:
        return [form.cleaned_data for form in self.kept_forms()]


class FilterFormSet(PartFormSet):
    def part(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"filter": rows[0]["conditions"] if rows else None}


class RuleFormSet(PartFormSet):
    def part(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        rules = [
            {"name": row["name"], "active": row["is_active"], "when": row["conditions"], "assign": row["assign"]}
            for row in rows
        ]
        return {"responsible": {"rules": rules, "default": self.instance.default_responsible_id}}


class TitleFormSet(PartFormSet):
    def part(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"titles": {row["result"]: row["text"] for row in rows}}


class MappingFormSet(PartFormSet):
    def part(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"mapping": [_mapping_part(row) for row in rows]}


def _mapping_part(row: dict[str, Any]) -> dict[str, Any]:
    source = {key: row[key] for key in ("fact", "constant") if row[key]}
    keys = ("object", "field", "policy", "values")
    return {**source, **{key: row[key] for key in keys}, "format": row["format"] or None}


class TabForm(forms.ModelForm):
    def clean_options(self) -> dict[str, Any]:
        return self.cleaned_data["options"] or {}


class TabFormSet(BaseInlineFormSet):
    """The tabs of a credential: switching one on needs what it cannot work without."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        for form in self.forms:
            data = form.cleaned_data
            if data and form.has_changed():
                part = {**data["options"], "active": data["is_active"]}
                refuse(find_faults(self.instance, (form.instance.tab,), part))
