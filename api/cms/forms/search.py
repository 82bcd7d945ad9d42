"""Looking for anything."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AnythingSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=254,
        help_text=_(
            "A complete id of anything, a telephone number with its country code, an address of the network, the id of a "
            "request; or the beginning of an e-mail address, a username or a slug."
        ),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
