"""allauth's accounts, as far as its second factors import them."""

from allauth.account.apps import AccountConfig


class UnusedAccounts(AccountConfig):  # type: ignore[misc]  # allauth has no types
    """None of its pages is mounted, so none of its middleware is asked for."""

    def ready(self) -> None:
        pass
