"""Narrowing the audit trail."""

from django import forms
from django.utils.translation import gettext_lazy as _

_DAY = {"type": "date"}


class AuditSearchForm(forms.Form):
    """Fields are columns of an entry, and the days between which it lies."""

    action = forms.CharField(label=_("What"), required=False, max_length=64, help_text=_("Such as device.revoked."))
    actor_id = forms.CharField(label=_("By"), required=False, max_length=64, help_text=_("A complete id."))
    target_id = forms.CharField(label=_("About"), required=False, max_length=64, help_text=_("A complete id."))
    organization_id = forms.UUIDField(label=_("Organization"), required=False, help_text=_("A complete id."))
    request_id = forms.CharField(label=_("Request"), required=False, max_length=64, help_text=_("A complete id."))
    since = forms.DateField(label=_("From day"), required=False, widget=forms.DateInput(attrs=_DAY))
    until = forms.DateField(label=_("To day"), required=False, widget=forms.DateInput(attrs=_DAY))
