"""Roles: who has which, and what each covers."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from api.cms.forms.reason import ReasonForm
from api.platform.staff import ACTIONS, ROLES


class StaffAddForm(forms.Form):
    q = forms.CharField(
        label=_("E-mail address of somebody with an account"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class RolesForm(forms.Form):
    """The roles of a person."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        required=False,
        choices=[(name, name) for name in ROLES],
        widget=forms.CheckboxSelectMultiple(),
    )


class RoleForm(forms.Form):
    """What a role covers."""

    actions = forms.MultipleChoiceField(
        label=_("Covers"),
        required=False,
        choices=[(name, name) for name in sorted(ACTIONS)],
        widget=forms.CheckboxSelectMultiple(),
    )
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput())


class ConfirmedForm(ReasonForm):
    """The reason, beside which the choice that is confirmed goes along unseen."""

    def __init__(self, *args: Any, chosen: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chosen = list(chosen)
