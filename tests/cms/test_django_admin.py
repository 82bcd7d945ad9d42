"""Django admin: superusers look, nobody changes anything."""

from http import HTTPStatus
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from api.admin import BoundedPaginator, site
from api.models import AppKey, Attestation, AttestationKind, AuditEntry, Contact, Device, Session, SignInFailures, User

pytestmark = pytest.mark.django_db

MODELS = list(apps.get_app_config("api").get_models())
POLICY = "; ".join(" ".join((name, *sources)) for name, sources in settings.SECURE_CSP.items())


def list_of(model: Any) -> str:
    return reverse(f"admin:api_{model._meta.model_name}_changelist")


@pytest.fixture
def rows(alice: Any) -> Any:
    """Something in most tables."""
    alice.post("contacts/", {"display_name": "Grace"})
    SignInFailures.objects.create(key=b"k" * 32, window_started_at=timezone.now())
    Attestation.objects.create(
        device_id=alice.phone.state.device_id,
        kind=AttestationKind.APP_ATTEST,
        challenge="a challenge",
        evidence="what nobody has to see",
        evidence_digest=b"d" * 32,
        attested_key=b"key",
    )
    return alice


def test_every_model_is_there():
    assert set(site._registry) == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_superusers_see_every_list_and_every_row(root, rows, model):
    answer = root.get(list_of(model))
    assert answer.status_code == HTTPStatus.OK
    assert answer["Content-Security-Policy"] == POLICY
    assert "no-store" in answer["Cache-Control"]
    for row in model.objects.all()[:1]:
        # Rows that are known by a digest alone have no page.
        found = HTTPStatus.FOUND if isinstance(row.pk, bytes) else HTTPStatus.OK
        address = reverse(f"admin:api_{model._meta.model_name}_change", args=[row.pk])
        assert root.get(address).status_code == found


def test_evidence_of_a_device_is_not_shown(root, rows):
    row = Attestation.objects.get()
    page = root.get(reverse("admin:api_attestation_change", args=[row.pk])).content.decode()
    assert row.challenge in page
    assert row.evidence not in page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_is_added_changed_or_deleted(root, rows, model):
    request = RequestFactory().get("/")
    request.user = root.user
    options = site._registry[model]
    assert not options.has_add_permission(request)
    assert not options.has_change_permission(request)
    assert not options.has_delete_permission(request)
    assert options.get_actions(request) == {}
    name = f"admin:api_{model._meta.model_name}"
    assert root.get(reverse(f"{name}_add")).status_code == HTTPStatus.FORBIDDEN
    for row in model.objects.all()[:1]:
        if isinstance(row.pk, bytes):
            continue  # known by a digest alone: no page
        assert root.post(reverse(f"{name}_change", args=[row.pk]), **{"_save": "x"}).status_code == 403
        assert root.post(reverse(f"{name}_delete", args=[row.pk]), post="yes").status_code == 403
        assert model.objects.filter(pk=row.pk).exists()


def test_strangers_are_sent_to_the_sign_in_of_the_cms(browser):
    asked = list_of(User)
    first = browser.get(asked)
    assert first["Location"] == f"{reverse('admin:login')}?next={asked}"
    second = browser.get(first["Location"])
    assert (second.status_code, second["Location"]) == (302, f"/cms/login/?next={asked}")
    assert "<form" not in second.content.decode()


def test_the_login_of_the_admin_takes_no_password(browser, new_user):
    rita = new_user("rita", is_staff=True, is_superuser=True)
    answer = browser.post(reverse("admin:login"), {"username": rita.email, "password": "correct horse battery staple"})
    assert answer["Location"].startswith("/cms/login/")
    assert not browser.is_in()


def test_superusers_who_sign_in_arrive_in_the_admin(browser, new_user):
    rita = new_user("rita", is_staff=True, is_superuser=True)
    assert browser.sign_in(rita.email, next=list_of(Device))["Location"] == list_of(Device)
    assert browser.get(reverse("admin:login"))["Location"] == reverse("admin:index")


def test_other_staff_stay_outside(staff):
    for address in (reverse("admin:index"), list_of(User)):
        door = staff.get(address)
        assert door.status_code == 302
        assert staff.get(door["Location"]).status_code == HTTPStatus.FORBIDDEN


def test_a_superuser_who_is_no_staff_stays_outside(root):
    User.objects.filter(id=root.user.id).update(is_staff=False)
    assert root.get(list_of(User)).status_code == 302


def test_signing_out_is_that_of_the_cms(root):
    answer = root.browser.post(reverse("admin:logout"), follow=True)
    assert answer.redirect_chain[0] == ("/cms/logout/", HTTPStatus.TEMPORARY_REDIRECT)
    assert not root.browser.is_in()
    assert AuditEntry.objects.filter(action="staff.signed_out").exists()


def test_no_password_is_changed_here(root):
    assert root.get(reverse("admin:password_change")).status_code == HTTPStatus.FORBIDDEN


def test_secrets_are_not_shown(root, rows):
    person, key = User.objects.get(id=rows.user.id), AppKey.objects.get()
    shown = {
        reverse("admin:api_user_change", args=[person.pk]): person.password,
        reverse("admin:api_appkey_change", args=[key.pk]): key.sealed_secret,
    }
    for address, secret in shown.items():
        page = root.text(address)
        assert secret not in page
        assert secret[:24] not in page
    device, session = Device.objects.get(), Session.objects.get(user=person)
    for address, digest in {
        reverse("admin:api_device_change", args=[device.pk]): device.enrol_digest,
        reverse("admin:api_session_change", args=[session.pk]): session.opening_digest,
        list_of(SignInFailures): SignInFailures.objects.get(key=b"k" * 32).key,
    }.items():
        page = root.text(address)
        assert bytes(digest).hex() not in page
        assert "digest" not in page.lower()


@pytest.mark.parametrize(
    ("model", "column"),
    [
        (User, "id"),
        (User, "email"),
        (User, "username"),
        (Device, "id"),
        (Device, "install_id"),
        (Session, "id"),
        (Session, "user_id"),
        (AppKey, "key_id"),
        (Contact, "slug"),
    ],
)
def test_rows_are_found_by_exact_values(root, rows, model, column):
    row = model.objects.order_by("pk").last()
    value = str(getattr(row, column))
    assert f"/{row.pk}/change/" in root.browser.get(list_of(model), {"q": value.upper()}).content.decode()
    assert f"/{row.pk}/change/" not in root.browser.get(list_of(model), {"q": f"{value}x"}).content.decode()


@pytest.mark.parametrize("typed", ["'", "%", "\x00", "x" * 500, "9" * 40])
def test_a_search_for_nonsense_finds_nothing(root, rows, typed):
    for model in MODELS:
        answer = root.browser.get(list_of(model), {"q": typed})
        assert answer.status_code == HTTPStatus.OK
        if site._registry[model].search_fields and typed != "\x00":  # which Django's own form refuses
            assert "/change/" not in answer.content.decode()


def test_counting_has_an_end(new_user, monkeypatch, django_assert_num_queries):
    for number in range(3):
        new_user(f"person{number}")
    monkeypatch.setattr(BoundedPaginator, "COUNTED_MOST", 2)
    with django_assert_num_queries(1) as asked:
        assert BoundedPaginator(User.objects.order_by("-pk"), 100).count == 2
    assert "LIMIT 2" in asked.captured_queries[0]["sql"]
