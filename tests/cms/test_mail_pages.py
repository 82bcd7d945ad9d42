"""The texts of mails in the CMS: looking, changing, bringing the shipped ones back."""

import pytest

from api.apis.notifications import selectors as notifications
from api.apis.notifications import services
from api.exceptions import Forbidden
from api.models import ActorKind, AuditEntry, Channel, MailTemplate
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db

KIND = "auth.magic_code"
PAGE = f"/cms/mails/{KIND}/"


def test_every_mail_has_a_page_with_both_forms(staff):
    page = staff.text("/cms/mails/")
    for kind, known in notifications.MAIL_KINDS.items():
        assert f'href="/cms/mails/{kind}/"' in page
        shown = staff.text(f"/cms/mails/{kind}/")
        assert "As HTML" in shown
        assert all(sample in shown for sample in known.samples.values())


def test_a_preview_shows_what_was_typed_and_keeps_nothing(staff):
    answer = staff.post(PAGE, subject="Hello {{ code }}", body="A <b>bold</b> code\r\n\r\n{{ link }}", show="")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Hello 0123 4567" in page
    assert "A &lt;b&gt;bold&lt;/b&gt; code" in page
    assert "<b>bold" not in page
    assert not MailTemplate.objects.exists()


def test_kept_texts_are_in_force(staff):
    answer = staff.post(PAGE, subject="Hi", body="Type\r\n{{ code }}", reason="Friendlier", keep="")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert notifications.mail_template(KIND) == ("Hi", "Type\n{{ code }}")
    assert MailTemplate.objects.get().updated_by_id == staff.user.id
    entry = AuditEntry.objects.get(action="mail_template.changed")
    assert (entry.target_id, entry.reason) == (KIND, "Friendlier")
    assert "Changed" in staff.text("/cms/mails/")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"reason": ""}, "Say why."),
        ({"reason": "r", "subject": "{{ nonsense }}"}, "Placeholders of this mail"),
        ({"reason": "r", "body": "{% load x %}{{"}, "Placeholders of this mail"),
        ({"reason": "r", "subject": ""}, "required"),
    ],
)
def test_what_does_not_fit_is_said_and_kept_typed(staff, fields, told):
    answer = staff.post(PAGE, **{"subject": "Hi", "body": "My words {{ code }}", "keep": "", **fields})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert ("My words" in page) is ("body" not in fields)
    assert not MailTemplate.objects.exists()


def test_the_shipped_texts_come_back(staff):
    staff.post(PAGE, subject="Hi", body="{{ code }}", reason="r", keep="")
    staff.text(f"{PAGE}reset/")
    assert MailTemplate.objects.exists(), "looking resets nothing"
    assert staff.post(f"{PAGE}reset/", reason=" ").status_code == 422
    assert staff.post(f"{PAGE}reset/", reason="Was better")["Location"] == PAGE
    assert notifications.mail_template(KIND) == notifications.original_template(KIND)
    assert AuditEntry.objects.get(action="mail_template.reset").reason == "Was better"


def test_who_may_only_read_changes_nothing(new_staff):
    auditor = new_staff("lea", roles=["Auditor"])
    assert "Keep texts" not in auditor.text(PAGE)
    assert auditor.post(PAGE, subject="Hi", body="x", reason="r", keep="").status_code == 403
    reader = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"mails.read"}))
    with pytest.raises(Forbidden):
        services.reset_mail_template(reader, kind=KIND)
    assert not MailTemplate.objects.exists()
