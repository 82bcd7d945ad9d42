"""Looking for anything."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AnythingSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=254,
        help_text=_("A complete id, or the beginning of an e-mail address, a username or a slug."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
