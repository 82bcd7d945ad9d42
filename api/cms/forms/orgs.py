"""Looking for organizations."""

from django import forms
from django.utils.translation import gettext_lazy as _


class OrganizationSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=64,
        help_text=_("The beginning of a slug, or a complete id."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
