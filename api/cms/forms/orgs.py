"""Looking for organizations."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.orgs.selectors import KINDS


class OrganizationSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=64,
        help_text=_("The beginning of a slug, or a complete id."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("Any kind")), *KINDS])
