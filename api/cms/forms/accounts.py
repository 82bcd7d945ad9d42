"""Adding and editing people. What a field takes is what the API takes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api import fields
from api.cms.forms.reason import ReasonForm


class WireField(forms.CharField):
    """A text that is checked, and written, as a field of the API does it."""

    def __init__(self, field: "serializers.Field[Any, Any, Any, Any]", **options: Any) -> None:
        super().__init__(**options)
        self.field = field

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return self.field.run_validation(text)
        except serializers.ValidationError as error:
            raise forms.ValidationError([str(reason) for reason in error.detail]) from None


class ProfileForm(ReasonForm):
    """What staff may put right. Each field remembers what it showed at first, so that only what was typed is changed."""

    username = WireField(fields.TextField(max_length=50), label=_("Username"), max_length=50, show_hidden_initial=True)
    first_name = WireField(
        fields.TextField(max_length=100),
        label=_("First name"),
        required=False,
        max_length=100,
        show_hidden_initial=True,
    )
    last_name = WireField(
        fields.TextField(max_length=100), label=_("Last name"), required=False, max_length=100, show_hidden_initial=True
    )
    phone_number = WireField(
        fields.PhoneNumberField(),
        label=_("Telephone"),
        required=False,
        max_length=32,
        show_hidden_initial=True,
        help_text=_("With its country code, such as +41441234567."),
    )
    location = WireField(
        fields.TextField(max_length=200), label=_("Place"), required=False, max_length=200, show_hidden_initial=True
    )
    preferred_language = WireField(
        fields.LanguageField(),
        label=_("Language"),
        max_length=35,
        show_hidden_initial=True,
        help_text=_("Such as en or de-CH."),
    )
    time_zone = WireField(
        fields.TimeZoneField(),
        label=_("Time zone"),
        max_length=64,
        show_hidden_initial=True,
        help_text=_("Such as Europe/Zurich."),
    )

    field_order: tuple[str, ...] = (
        "username",
        "first_name",
        "last_name",
        "phone_number",
        "location",
        "preferred_language",
        "time_zone",
        "reason",
    )

    @property
    def typed(self) -> dict[str, Any]:
        """What was changed on the page."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in self.profile_names}

    @property
    def profile_names(self) -> list[str]:
        return [name for name in self.fields if name not in ("reason", "version")]


class EditForm(ProfileForm):
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput())

    def beside(self, present: dict[str, Any]) -> "EditForm":
        """The same form in view of what somebody else has made of the person: what was typed stays, the rest follows."""
        data = dict(self.data.items())
        data["version"] = present["version"]
        for name in self.profile_names:
            if name not in self.changed_data:
                data[name] = present[name]
            data[f"initial-{name}"] = present[name]
        return EditForm(data)

    def overwrites(self, present: dict[str, Any]) -> list[tuple[Any, str]]:
        """The fields typed here that somebody else has changed meanwhile, with what they are now."""
        return [
            (self[name].label, present[name])
            for name in self.profile_names
            if name in self.changed_data and self.data.get(f"initial-{name}", "") != present[name]
        ]


class AddForm(ProfileForm):
    email = WireField(
        serializers.EmailField(max_length=254),
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("A link that sets the first password is mailed to it."),
    )

    field_order: tuple[str, ...] = ("email", *ProfileForm.field_order)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("username", "preferred_language", "time_zone"):
            self.fields[name].required = False
        self.fields["username"].help_text = _("Left empty, it is made of the address.")
