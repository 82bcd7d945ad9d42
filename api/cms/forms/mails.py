"""The texts of a mail."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.cms.forms.reason import REASON_MAX_CHARS


class MailForm(forms.Form):
    """`reason` is asked for when the texts are kept, not to look at them."""

    subject = forms.CharField(label=_("Subject"), max_length=200)
    body = forms.CharField(label=_("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 14}))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_MAX_CHARS,
        required=False,
        help_text=_("Needed to keep the texts; goes to the audit trail."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        if "keep" in self.data and not cleaned.get("reason"):
            self.add_error("reason", _("Say why."))
        return cleaned
