"""Second factors of staff from the shell: who has which, and taking away those of somebody who has lost theirs."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.apis.auth import services as auth
from api.management import demo
from api.models import User
from api.models.base import identity_of
from api.platform import callers, factors


class Command(BaseCommand):
    help = (
        "Lists the second factors of staff. --reset takes those of one person away, who then sets up new ones. A "
        "superuser's take a second superuser: their address and a code of theirs, as long as there is another one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email")
        parser.add_argument("--reset", action="store_true", help="take away the factors of --email")
        parser.add_argument("--reason", default="", help="for the audit trail; needed with --reset")
        parser.add_argument("--second", help="the address of the superuser who agrees")
        parser.add_argument("--code", default="", help="a code of theirs")
        parser.add_argument("--demo", action="store_true", help="print a code of the embedded default's demo login")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["demo"]:
            self.stdout.write(_demo_code())
            return
        if options["reset"]:
            self._reset(options)
        for person in User.objects.filter(is_staff=True).order_by("username_identity"):
            kinds = [row["type"] for row in factors.of_person(person)]
            self.stdout.write(f"{person.email}\t{', '.join(kinds) or 'none'}")

    def _reset(self, options: dict[str, Any]) -> None:
        if not options["reason"]:
            raise CommandError("say why with --reason: it goes to the audit trail")
        person = _person(options["email"] or "")
        if person.is_superuser:
            _require_second(person, options["second"] or "", options["code"])
        removed = auth.reset_factors(callers.command(options["reason"]), user_id=person.id)
        self.stdout.write(f"{removed} removed; {person.email} sets up new ones at the next sign-in.")


def _person(email: str) -> User:
    person = User.objects.filter(email_identity=identity_of(email), is_staff=True).first()
    if person is None:
        raise CommandError(f"no member of staff has the address {email!r}")
    return person


def _require_second(person: User, email: str, code: str) -> None:
    """Whoever has the shell alone does not become a superuser by it, while there is another one who could agree."""
    others = User.objects.filter(is_superuser=True, is_staff=True, is_active=True).exclude(id=person.id)
    if not any(factors.has_any(other) for other in others):
        return
    second = others.filter(email_identity=identity_of(email)).first()
    if second is None:
        raise CommandError("a superuser's factors take a second superuser: --second ADDRESS --code CODE")
    try:
        auth.show_code(callers.command(), person=second, code=code, browser="")
    except auth.WrongCode:
        raise CommandError(f"this is no code of {email}") from None


def _demo_code() -> str:
    if not settings.EMBEDDED:
        raise CommandError("this is of the embedded default only")
    secret = demo.second_factor(demo.STAFF)
    if secret is None:
        raise CommandError("the demo login has no authenticator app any more")
    return factors.code_at(secret, time.time())
