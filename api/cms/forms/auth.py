"""Signing in: the password, the code, and what is needed to set up a second factor."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

_CREDENTIAL_MAX_CHARS = 16_384


class SignInForm(forms.Form):
    """Both are taken as they are; `show_password` has one answer for whatever does not fit."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=settings.PASSWORD_MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """What an authenticator app shows, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        help_text=_("Six digits from your authenticator app, or one of your recovery codes."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
        ),
    )


class PasswordAgainForm(forms.Form):
    """Stands in for the code where a second factor is skipped."""

    code = forms.CharField(
        label=_("Password"),
        max_length=settings.PASSWORD_MAX_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class NewAppForm(forms.Form):
    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}),
    )


class CredentialForm(forms.Form):
    """What `navigator.credentials` has answered, as JSON."""

    credential = forms.CharField(widget=forms.HiddenInput(), max_length=_CREDENTIAL_MAX_CHARS)

    def clean_credential(self) -> dict[str, Any]:
        try:
            credential = json.loads(self.cleaned_data["credential"])
        except (ValueError, RecursionError):
            credential = None
        if not isinstance(credential, dict):
            raise forms.ValidationError(_("This is not what a browser answers."))
        return credential


class NewPasskeyForm(CredentialForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=50,
        help_text=_("So that you recognise it later: work laptop, phone, key in the safe."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
