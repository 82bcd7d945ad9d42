"""The page of an invitation: whoever reads the mails to the address joins by its button."""

from typing import Any

from api.apis.auth.services import InvalidOrExpired
from api.apis.orgs import services as orgs
from api.exceptions import InvalidInput, NotThere
from api.pages.base import LinkPage


class InvitationPage(LinkPage):
    title = "You are invited"
    text = "If you have no account yet, sign up in the app with the address that got this mail: the invitation waits there."
    button = "Join"
    done = "You belong to the group now. It is in the app."

    def facts(self, token: str) -> dict[str, Any]:
        try:
            invitation = orgs.invitation_behind(token)
        except NotThere:
            raise InvalidOrExpired from None
        inviter = invitation.invited_by.username if invitation.invited_by else "Somebody"
        return {"token": token, "lead": f"{inviter} asks you to join {invitation.organization.name}."}

    def act(self, token: str) -> None:
        try:
            orgs.accept_by_mail(self.caller, token=token)
        except NotThere:
            raise InvalidOrExpired from None
        except orgs.AddressNotConfirmed:
            said = (
                "Nobody has confirmed this address yet. Sign up or in with it in the app: the invitation waits there."
            )
            raise InvalidInput.of("token", "not_confirmed", said) from None
        except orgs.TooManyOrganizations as refusal:
            raise InvalidInput.of("token", "too_many", f"{refusal.title}. {refusal.text}") from None
