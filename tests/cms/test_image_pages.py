"""Images in the CMS: those of an organization, and the variants of each."""

import re
from typing import Any

import pytest
from django.conf import settings as configured

from api.models import Role
from api.models.base import uuid7
from tests import factories
from tests.apis.images.rows import image_of, stored_image_of
from tests.pictures import photo

pytestmark = pytest.mark.django_db


def shown(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', page)


def test_the_variants_of_an_image_are_there_to_look_at(staff: Any, new_user: Any, files: Any, browser: Any) -> None:
    owner = new_user("olga")
    group = factories.group(owner)
    image = stored_image_of(owner, group, photo(2000, 1000), title="Quarters", alt_text="Four colours")
    page = staff.text(f"/cms/orgs/{group.id}/images/")
    assert f'href="/cms/orgs/{group.id}/images/{image.uid}/"' in page
    assert "Quarters" in page
    page = staff.text(f"/cms/orgs/{group.id}/images/{image.uid}/")
    addresses = [address.replace("&amp;", "&") for address in shown(page)]
    assert [re.sub(r".*/|\?.*", "", address) for address in addresses] == [
        f"{name}.webp" for name in ("large", "medium", "small", "thumb")
    ]
    for address in addresses:
        answer = browser.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
        assert b"".join(answer)[8:12] == b"WEBP"
        answer.close()
    assert page.count('alt="Four colours"') == 4
    assert f'href="/cms/users/{owner.id}/"' in page


def test_the_newest_come_first_page_by_page(staff: Any, settings: Any, django_assert_num_queries: Any) -> None:
    settings.PAGE_LIMIT_DEFAULT = 2
    group = factories.group(staff.user)
    images = [image_of(staff.user, group) for _ in range(3)]
    # session, staff, roles, organization, images, the session's expiry with its savepoint (3)
    with django_assert_num_queries(8):
        page = staff.text(f"/cms/orgs/{group.id}/images/")
    of_page = re.findall(rf"/cms/orgs/{group.id}/images/([0-9a-f-]{{36}})/", page)
    assert of_page == [str(images[2].uid), str(images[1].uid)]
    behind = re.search(r'rel="next" href="([^"]+)"', page)
    assert behind is not None
    assert str(images[0].uid) in staff.text(f"/cms/orgs/{group.id}/images/{behind[1].replace('&amp;', '&')}")


def test_images_of_another_organization_are_not_here(staff: Any, new_user: Any) -> None:
    mine, other = factories.group(staff.user), factories.group(new_user("olga"))
    image = image_of(staff.user, mine)
    assert staff.get(f"/cms/orgs/{other.id}/images/{image.uid}/").status_code == 404
    assert staff.get(f"/cms/orgs/{mine.id}/images/{uuid7()}/").status_code == 404
    assert staff.get(f"/cms/orgs/{uuid7()}/images/").status_code == 404
    assert "They appear when members upload them" in staff.text(f"/cms/orgs/{other.id}/images/")


def test_a_bucket_is_a_source_of_the_page(staff: Any, bucket: str) -> None:
    group = factories.group(staff.user, {})
    image = image_of(staff.user, group)
    for address in (f"/cms/orgs/{group.id}/images/", f"/cms/orgs/{group.id}/images/{image.uid}/"):
        policy = staff.get(address)["Content-Security-Policy"]
        assert f"img-src {' '.join(configured.SECURE_CSP['img-src'])} {bucket};" in f"{policy};"


def test_who_may_not_see_images_is_not_led_there(new_staff: Any, new_user: Any) -> None:
    group = factories.group(new_user("olga"), {new_user("adam"): Role.MEMBER})
    for role, may in (("Support", True), ("Operator", False)):
        staff = new_staff(role.lower(), roles=[role])
        address = f"/cms/orgs/{group.id}/images/"
        assert staff.get(address).status_code == (200 if may else 403)
        if may:
            assert address in staff.text(f"/cms/orgs/{group.id}/")
