"""Looking for devices."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.onboarding.selectors import DEVICE_STATUSES, PLATFORMS

_STATUS_NAMES = {"active": _("Active"), "never-used": _("Never used"), "revoked": _("Revoked")}


class DeviceSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=64,
        help_text=_("A complete device id, installation id or key id."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    platform = forms.ChoiceField(label=_("Platform"), required=False, choices=[("", _("Any platform")), *PLATFORMS])
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), *((name, _STATUS_NAMES[name]) for name in DEVICE_STATUSES)],
    )
