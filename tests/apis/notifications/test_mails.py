"""Mails: from templates that staff may change, with nothing in them that is not meant to be there."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail

from api.apis.notifications import services
from api.apis.notifications.selectors import MAIL_KINDS, Template, mail_template, original_template
from api.exceptions import InvalidInput, NotThere
from api.models import AuditEntry, MailTemplate
from api.platform import callers
from api.platform.mail import Mail, MailNotTaken, send
from tests.apis.auth.wire import commit

pytestmark = pytest.mark.django_db

KIND = "auth.magic_code"


@pytest.mark.parametrize("kind", MAIL_KINDS)
def test_every_mail_has_texts_whose_placeholders_are_known(kind: str) -> None:
    made = services.previewed(kind, original_template(kind))
    assert made.subject
    for sample in MAIL_KINDS[kind].samples.values():
        assert sample in f"{made.subject}{made.text}"
    assert "{" not in made.subject + made.text
    assert made.html.count("<html") == 1


def test_every_text_belongs_to_a_mail() -> None:
    folder = Path(django_settings.BASE_DIR, "templates/email")
    texts = {f"{path.parent.name}.{path.stem}" for path in folder.glob("*/*.txt")}
    assert texts == set(MAIL_KINDS)


def test_staff_change_and_reset_texts() -> None:
    changed = Template("Code {{code}}", "It is {{ code }}.\n\n{{ link }}")
    commit(services.change_mail_template, callers.command(), kind=KIND, template=changed)
    assert mail_template(KIND) == changed
    made = services.previewed(KIND, mail_template(KIND))
    assert (made.subject, made.text.splitlines()[0]) == ("Code 0123 4567", "It is 0123 4567.")
    for _ in range(2):
        commit(services.reset_mail_template, callers.command(), kind=KIND)
    assert mail_template(KIND) == original_template(KIND)
    assert not MailTemplate.objects.exists()
    actions = AuditEntry.objects.filter(target_kind="mail_template").values_list("action", flat=True)
    assert sorted(actions) == ["mail_template.changed", "mail_template.reset"]


@pytest.mark.parametrize(
    ("subject", "body", "field"),
    [
        ("{{ password }}", "x", "subject"),
        ("x", "{{ user.password }}", "body"),
        ("x", "{{ code", "body"),
        ("x", "{% include 'secrets' %} }}", "body"),
        ("", "x", "subject"),
        ("x", "  \n ", "body"),
        ("x" * 201, "x", "subject"),
        ("x", "x" * 10_001, "body"),
    ],
)
def test_texts_with_other_places_are_refused(subject: str, body: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.change_mail_template(callers.command(), kind=KIND, template=Template(subject, body))
    assert [error["field"] for error in refusal.value.members["errors"]] == [field]
    with pytest.raises(NotThere):
        services.change_mail_template(callers.command(), kind="auth.nothing", template=Template("x", "x"))


def test_what_comes_from_outside_is_text_in_every_form() -> None:
    hostile = '<script>alert(1)</script> "https://evil.example" {{ link }}'
    values = {**MAIL_KINDS["auth.new_device"].samples, "device": hostile}
    made = services.rendered(original_template("auth.new_device"), to="a@example.com", values=values)
    assert hostile in made.text
    assert "<script>" not in made.html
    assert "&lt;script&gt;" in made.html
    assert "\n" not in made.subject


def test_a_code_is_made_to_be_read_and_a_link_to_be_pressed() -> None:
    made = services.previewed(KIND, original_template(KIND))
    assert 'text-align:center">0123 4567</p>' in made.html
    assert '<a href="https://app.example.com/' in made.html
    assert "<h1 style=" in made.html


def test_a_mail_goes_out_in_both_forms_under_one_reference() -> None:
    for _ in range(2):
        send(Mail("ada@example.com", "Hello", "Text", "<p>Page</p>"), reference="event-7")
    first, second = mail.outbox
    assert first.to == ["ada@example.com"]
    assert first.alternatives == [("<p>Page</p>", "text/html")]
    assert first.extra_headers == second.extra_headers
    assert first.extra_headers["Message-ID"].startswith("<event-7@")
    assert first.message()["Auto-Submitted"] == "auto-generated"


def test_files_are_whole_mails_for_their_owner_only(tmp_path: Path, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "api.platform.mail.Files", str(tmp_path / "mail")
    send(Mail("ada@example.com", "Grüße", "Zoë 🍣", "<p>Zoë</p>"), reference="event-8")
    [path] = (tmp_path / "mail").iterdir()
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "mail").stat().st_mode & 0o077 == 0
    assert b"Message-ID: <event-8@" in path.read_bytes()


def test_the_terminal_shows_them_too(tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "api.platform.mail.TerminalAndFiles", str(tmp_path)
    send(Mail("ada@example.com", "Hello", "One\nTwo", "<p>One</p>"), reference="event-9")
    shown = capsys.readouterr().out
    assert "To: ada@example.com" in shown
    assert "  mail | Two\n" in shown
    assert len(list(tmp_path.iterdir())) == 1


def test_what_somebody_chose_is_no_button_in_any_template() -> None:
    """A group may be named like an address, or like a code, and staff may give its name a paragraph of its own."""
    link = MAIL_KINDS["orgs.invitation"].samples["link"]
    for name in ("https://evil.example/", "1234 5678", "x\n\nhttps://evil.example/\n\ny"):
        values = {**MAIL_KINDS["orgs.invitation"].samples, "organization": name}
        body = "You are asked to join\n\n{{ organization }}\n\n{{ link }}\n\nhttps://ours.example/help"
        made = services.rendered(Template("Hello", body), to="a@example.com", values=values)
        assert re.findall('href="([^"]+)"', made.html) == [link, "https://ours.example/help"]
        assert "letter-spacing" not in made.html


def test_a_mail_that_nobody_takes_counts_once(settings: Any) -> None:
    """An hour without a provider does not use up what an address may get in a day."""
    settings.MAILS_PER_DAY = 2

    def write(reference: str) -> None:
        services.send_mail(KIND, to="ada@example.com", values=MAIL_KINDS[KIND].samples, reference=reference)

    works, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # where nothing listens
    for _ in range(10):
        with pytest.raises(MailNotTaken):
            write("first")
    settings.EMAIL_BACKEND = works
    for reference in ("first", "second", "third"):
        write(reference)
    assert [message.extra_headers["Message-ID"].split("@")[0] for message in mail.outbox] == ["<first", "<second"]
