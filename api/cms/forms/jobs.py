"""Choosing from the outbox."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.jobs.selectors import MESSAGE_STATES

_NAMES = {"failed": _("Failed"), "waiting": _("Waiting"), "running": _("Running"), "done": _("Done")}


class MessageSearchForm(forms.Form):
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Any state")), *((name, _NAMES[name]) for name in MESSAGE_STATES)],
    )
