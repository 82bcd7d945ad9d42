"""Keeping a filter."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.apis.staff.selectors import SCOPES


class FilterForm(forms.Form):
    list = forms.SlugField(max_length=32, widget=forms.HiddenInput)
    querystring = forms.CharField(max_length=1000, required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    scope = forms.ChoiceField(label=_("For"), choices=SCOPES)
