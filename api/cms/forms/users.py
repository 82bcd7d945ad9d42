"""Looking for people."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.users.selectors import PEOPLE_STATUSES

_STATUS_NAMES = {
    "active": _("Active"),
    "deactivated": _("Deactivated"),
    "guest": _("Guest"),
    "staff": _("Staff"),
    "deleted": _("Deleted"),
}


class PeopleSearchForm(forms.Form):
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=254,
        help_text=_("The beginning of an e-mail address or username, or a complete id."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), *((name, _STATUS_NAMES[name]) for name in PEOPLE_STATUSES)],
    )


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note"),
        max_length=2000,
        help_text=_("Other staff read it; it goes with the account."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
