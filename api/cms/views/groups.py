"""What staff do in organizations, as an owner could: the services' rules hold, and the trail tells why."""

import uuid

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.api_keys import selectors as api_keys
from api.apis.api_keys import services as api_key_services
from api.apis.orgs import selectors as orgs
from api.apis.orgs import services as org_services
from api.cms.forms.orgs import ApiKeyForm, GroupForm, InviteForm, MemberRoleForm, NameForm, TypedNameForm
from api.cms.pages import ConfirmedChange, Subject
from api.platform.callers import Caller


class _Change(ConfirmedChange):
    section = "orgs"
    needs = "orgs.change"

    @property
    def key(self) -> uuid.UUID:
        """The organization's id."""
        key: uuid.UUID = self.kwargs["organization_id"]
        return key

    def subject(self) -> Subject:
        return Subject(orgs.organization_for_staff(self.key)["name"], reverse("cms:org", args=[self.key]))

    def as_owner(self, caller: Caller) -> Caller:
        return org_services.as_owner(caller, self.key)


class AddView(ConfirmedChange):
    section = "orgs"
    needs = "orgs.change"
    form_class = GroupForm
    heading = _("New group")
    effects = (_("Its owner finds it in the app at once, and invites the others."),)
    button = _("Make the group")
    takes_away = False
    done = _("The group is made.")

    def subject(self) -> Subject:
        return Subject("", reverse("cms:orgs"))

    def perform(self, caller: Caller) -> None:
        self.made = org_services.create_group_for(caller, name=self.said["name"], owner_email=self.said["owner"])

    def arrived(self, subject: Subject) -> HttpResponse:
        return HttpResponseRedirect(reverse("cms:org", args=[self.made]))


class RenameView(_Change):
    form_class = NameForm
    heading = _("Rename {name}?")
    effects = (_("Its members see the new name at once. Its slug, and all addresses with it, stay."),)
    button = _("Rename")
    takes_away = False
    done = _("{name} is renamed.")

    def initial(self) -> dict[str, str]:
        return {"name": orgs.organization_for_staff(self.key)["name"]}

    def perform(self, caller: Caller) -> None:
        org_services.rename_organization(self.as_owner(caller), organization=str(self.key), name=self.said["name"])


class DeleteView(_Change):
    form_class = TypedNameForm
    heading = _("Delete {name}?")
    effects = (
        _("At once it is nobody's any more: members lose it, and its API keys end."),
        _("Contacts, tags, images and exports in it are erased for good. This cannot be undone."),
    )
    button = _("Delete for good")
    done = _("{name} is deleted, and being erased.")

    def perform(self, caller: Caller) -> None:
        owner = self.as_owner(caller)
        org_services.delete_organization(owner, organization=str(self.key), name=self.said["name"])

    def arrived(self, subject: Subject) -> HttpResponse:
        return HttpResponseRedirect(reverse("cms:orgs"))


class _MemberChange(_Change):
    """Of one member."""

    def subject(self) -> Subject:
        return Subject(self.member["user__username"], reverse("cms:org", args=[self.key]))

    @property
    def member(self) -> dict[str, str]:
        """Raises NotThere."""
        return orgs.member_for_staff(self.key, self.kwargs["user_id"])


class RoleView(_MemberChange):
    form_class = MemberRoleForm
    heading = _("Change the role of {name}?")
    effects = (_("It holds from the next call of their apps on."), _("A group keeps at least one active owner."))
    button = _("Change")
    done = _("{name} has another role.")

    def initial(self) -> dict[str, str]:
        return {"role": self.member["role"]}

    def perform(self, caller: Caller) -> None:
        org_services.change_role(
            self.as_owner(caller),
            organization=str(self.key),
            username=self.member["user__username"],
            role=self.said["role"],
        )


class TransferView(_MemberChange):
    heading = _("Hand the group over to {name}?")
    effects = (
        _("They stand for the group from now on; the owner before becomes an admin."),
        _("They need a confirmed e-mail address."),
    )
    button = _("Hand over")
    done = _("The group is {name}'s.")

    def perform(self, caller: Caller) -> None:
        owner, username = self.as_owner(caller), self.member["user__username"]
        org_services.transfer_ownership(owner, organization=str(self.key), username=username)


class RemoveView(_MemberChange):
    heading = _("Take {name} out of the group?")
    effects = (
        _("They lose what is in it with their next call; what they made stays."),
        _("API keys that they hold there end."),
    )
    button = _("Take out")
    done = _("{name} is not in the group any more.")

    def perform(self, caller: Caller) -> None:
        owner, username = self.as_owner(caller), self.member["user__username"]
        org_services.remove_member(owner, organization=str(self.key), username=username)


class InviteView(_Change):
    form_class = InviteForm
    heading = _("Invite somebody to {name}?")
    effects = (
        _("They are mailed a link, in the name of the owner, which is good for seven days."),
        _("Only whoever has the address, and has confirmed it, can accept."),
    )
    button = _("Invite")
    takes_away = False
    done = _("The invitation to {name} is on its way.")

    def perform(self, caller: Caller) -> None:
        email, role = self.said["email"], self.said["role"]
        org_services.invite(self.as_owner(caller), organization=str(self.key), email=email, role=role)


class InvitationResendView(_Change):
    heading = _("Send an invitation to {name} again?")
    effects = (_("Its link goes out once more, and is good for seven days from now."),)
    button = _("Send again")
    takes_away = False
    done = _("The invitation to {name} is on its way.")

    def perform(self, caller: Caller) -> None:
        invitation = str(self.kwargs["invitation_id"])
        org_services.resend_invitation(self.as_owner(caller), organization=str(self.key), invitation=invitation)


class InvitationView(_Change):
    heading = _("Take an invitation to {name} back?")
    effects = (_("The link in the mail is void at once."),)
    button = _("Take back")
    done = _("The invitation to {name} is taken back.")

    def perform(self, caller: Caller) -> None:
        invitation = str(self.kwargs["invitation_id"])
        org_services.revoke_invitation(self.as_owner(caller), organization=str(self.key), invitation=invitation)


class KeyAddView(_Change):
    """Its answer shows the key: that page is at no address."""

    needs_fresh_proof = True
    form_class = ApiKeyForm
    heading = _("A new API key of {name}")
    effects = (
        _("A service works with it in this organization, as far as you tick."),
        _("The owner holds it: it ends when they leave or lose the role that it takes."),
    )
    button = _("Make the key")
    takes_away = False
    done = _("The API key of {name} is made.")

    def perform(self, caller: Caller) -> None:
        said = {name: self.said[name] for name in ("name", "scopes", "expires_at")}
        self.made = api_key_services.create_key(self.as_owner(caller), organization=str(self.key), **said)

    def arrived(self, subject: Subject) -> HttpResponse:
        key_id, text = self.made
        context = {"key": api_keys.stored_key(key_id), "text": text, "subject": subject}
        return self.page("cms/orgs/key.html", context)


class KeyView(_Change):
    heading = _("Revoke an API key of {name}?")
    effects = (_("Whatever uses it is refused with its next call. This cannot be undone."),)
    button = _("Revoke")
    done = _("The API key of {name} is revoked.")

    def perform(self, caller: Caller) -> None:
        key = str(self.kwargs["api_key_id"])
        api_key_services.revoke_key(self.as_owner(caller), organization=str(self.key), key=key)
