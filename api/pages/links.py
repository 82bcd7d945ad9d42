"""The pages of accounts: the code of a sign-in, confirming and changing an address, a new password, "this was not me"."""

import unicodedata
from typing import Any

from api.apis.auth import services as auth
from api.exceptions import InvalidInput
from api.models import ProofPurpose
from api.pages.base import LinkPage


class MagicPage(LinkPage):
    """Shows the code to type: codes work only on the device that asked, and a browser is none."""

    http_method_names = ["get", "head"]
    title = "Your sign-in code"
    text = "Type it into the app, on the device that asked for it."

    def facts(self, token: str) -> dict[str, Any]:
        code = auth.mailed_code(token)
        return {"code": f"{code[:4]} {code[4:]}"}


class ConfirmAddressPage(LinkPage):
    title = "Confirm your address"
    text = (
        "This confirms that the address is yours. Somebody may have signed up with it before you read the mail, so every "
        "device is signed out, and the password and API keys are removed: sign in by a code afterwards, and choose a new "
        "password. To keep them, open the link on the phone that is signed in."
    )
    button = "Confirm"
    done = "Your address is confirmed."

    def facts(self, token: str) -> dict[str, Any]:
        auth.require_good(ProofPurpose.EMAIL_CONFIRM, token)
        return {"token": token}

    def act(self, token: str) -> None:
        auth.confirm_address(self.caller, token=token)


class ChangeAddressPage(LinkPage):
    title = "Change your address"
    text = (
        "Somebody else may have asked for this, with an account of theirs. So every device is signed out, and the password, "
        "API keys and sign-in by providers are removed: sign in by a code afterwards, and choose a new password. To keep "
        "them, open the link on the phone that is signed in."
    )
    button = "Change it"
    done = "This is your account's address now. Every device is signed out; sign in by a code."

    def facts(self, token: str) -> dict[str, Any]:
        return {"token": token, "lead": f"{auth.address_to_change(token)} becomes your account's address."}

    def act(self, token: str) -> None:
        auth.change_address(self.caller, token=token)


class ResetPasswordPage(LinkPage):
    title = "Set a new password"
    text = "Every device is signed out afterwards."
    button = "Set it"
    done = "Your password is set. Sign in with it in the app."

    def facts(self, token: str) -> dict[str, Any]:
        auth.require_good(ProofPurpose.PASSWORD_RESET, token)
        return {"token": token, "asks_password": True}

    def act(self, token: str) -> None:
        password, again = (self.request.POST.get(name, "") for name in ("new_password", "again"))
        if password != again:
            raise InvalidInput.of("new_password", "mismatch", "The two passwords differ.")
        auth.reset_password(self.caller, token=token, new_password=unicodedata.normalize("NFC", password))


class NotMePage(LinkPage):
    title = "Was this not you?"
    text = "This signs the device out. Set a new password afterwards: whoever it was may know the one you have."
    button = "Sign that device out"
    done = "The device is signed out. Now set a new password in the app."

    def facts(self, token: str) -> dict[str, Any]:
        auth.require_good(ProofPurpose.NEW_DEVICE, token)
        return {"token": token}

    def act(self, token: str) -> None:
        auth.disown_session(self.caller, token=token)
