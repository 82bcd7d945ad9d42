"""The reason that every change by staff carries."""

from django import forms
from django.utils.translation import gettext_lazy as _

REASON_MAX_CHARS = 200  # what a revoked device keeps of it; the audit trail would take more


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_MAX_CHARS,
        help_text=_("Goes to the audit trail, where other staff read it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
