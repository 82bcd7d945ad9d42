"""Choosing from what people have asked for by mail."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.auth.selectors import REQUEST_PURPOSES


class RequestSearchForm(forms.Form):
    purpose = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Any kind")), *((p.value, p.label) for p in REQUEST_PURPOSES)]
    )
