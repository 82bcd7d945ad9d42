"""Looking for organizations."""

from datetime import UTC, date, datetime, time

from django import forms
from django.utils.translation import gettext_lazy as _

from api import fields
from api.apis.orgs.selectors import KINDS, ROLES, SCOPES
from api.cms.forms.accounts import WireField
from api.cms.forms.reason import ReasonForm


class OrganizationSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=64,
        help_text=_("The beginning of a slug, or a complete id."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("Any kind")), *KINDS])


class NameForm(ReasonForm):
    name = WireField(fields.TextField(max_length=100), label=_("Name"), max_length=100)

    field_order: tuple[str, ...] = ("name", "reason")


class TypedNameForm(NameForm):
    """Its name once more, to make sure."""

    name = WireField(
        fields.TextField(max_length=100),
        label=_("Its name, to make sure"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class GroupForm(NameForm):
    owner = forms.EmailField(
        label=_("E-mail address of its owner"),
        max_length=254,
        help_text=_("Of somebody with an account, whose address is confirmed."),
    )

    field_order = ("name", "owner", "reason")


class MemberRoleForm(ReasonForm):
    role = forms.ChoiceField(label=_("Role"), choices=ROLES)

    field_order = ("role", "reason")


class InviteForm(ReasonForm):
    email = WireField(
        fields.EmailField(),
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    # Nobody becomes an owner by mail.
    role = forms.ChoiceField(label=_("Role"), choices=[role for role in ROLES if role[0] != "owner"], initial="member")

    field_order = ("email", "role", "reason")


class ApiKeyForm(NameForm):
    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=[(scope, scope) for scope in sorted(SCOPES)], widget=forms.CheckboxSelectMultiple()
    )
    expires_at = forms.DateField(
        label=_("Until day"),
        required=False,
        help_text=_("Empty: until it is revoked."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    field_order = ("name", "scopes", "expires_at", "reason")

    def clean_expires_at(self) -> datetime | None:
        """The end of that day."""
        day: date | None = self.cleaned_data["expires_at"]
        return datetime.combine(day, time(23, 59, 59), tzinfo=UTC) if day else None
