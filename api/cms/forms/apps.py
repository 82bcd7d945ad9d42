"""App keys, and the versions that are served."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api import fields
from api.apis.onboarding.selectors import PLATFORMS
from api.cms.forms.accounts import WireField
from api.cms.forms.reason import ReasonForm

_KEY_ID = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class SuccessorForm(ReasonForm):
    key_id = forms.CharField(
        label=_("Id of the key"),
        max_length=64,
        help_text=_("Lower-case letters, digits, dots, hyphens and underscores: such as ios-2026-11."),
        widget=forms.TextInput(attrs=_KEY_ID),
    )

    field_order: tuple[str, ...] = ("key_id", "reason")


class NewKeyForm(SuccessorForm):
    platform = forms.ChoiceField(label=_("Platform"), choices=PLATFORMS)

    field_order: tuple[str, ...] = ("platform", "key_id", "reason")


class VersionForm(ReasonForm):
    minimum_version = forms.CharField(
        label=_("Minimum version"),
        max_length=32,
        help_text=_("Such as 2.3. Apps below it are told to upgrade within seconds; 0 serves every version."),
    )
    latest_version = forms.CharField(
        label=_("Present version"),
        required=False,
        max_length=32,
        help_text=_("Such as 2.5."),
    )
    store_url = forms.URLField(
        label=_("Where the present version is"), required=False, max_length=500, assume_scheme="https"
    )
    notice = WireField(
        fields.TextField(max_length=500),
        label=_("Notice of maintenance"),
        required=False,
        max_length=500,
        help_text=_("In words for people. Empty: there is none."),
    )

    field_order = ("minimum_version", "latest_version", "store_url", "notice", "reason")
