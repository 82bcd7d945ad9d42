"""A guest comes home to an account while its last calls are still under way: nothing lands where nobody will look."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from handset_client import Answer
from handset_client.outcomes import accept

from api.models import Contact, Organization, User
from tests.services.conftest import PASSWORD, Deployment, wire_of
from tests.services.crowds import posting
from tests.services.locks import held, waiting
from tests.services.servers import wait_until

pytestmark = pytest.mark.services

GRACE = {"display_name": "Grace Hopper"}


class Home:
    """A guest on a phone, and somebody with an account."""

    def __init__(self, deployed: Deployment) -> None:
        owner, self.phone = deployed.phones(2)
        self.person = deployed.person(owner)
        answer = accept(self.phone.start_session("auth/guest/"))
        self.guest = User.objects.get(id=answer.json["user"]["id"])
        self.organization = Organization.objects.get(personal_of=self.guest)
        self.sign_in, self.other = deployed.copies(self.phone, 2)

    def come(self, pool: ThreadPoolExecutor, **more: object) -> "Future[Answer]":
        body = {"email": self.person.email, "password": PASSWORD, **more}
        return pool.submit(lambda: posting("token/pair/", body)(self.sign_in))


@pytest.fixture
def home(deployed: Deployment) -> Home:
    return Home(deployed)


@pytest.mark.parametrize("merge_guest", [True, False], ids=["merged", "dismissed"])
@pytest.mark.parametrize("verb", ["POST", "PATCH"])
def test_what_comes_too_late_is_refused_and_comes_again_as_the_persons(
    home: Home, merge_guest: bool, verb: str
) -> None:
    slug = accept(home.phone.request("POST", "contacts/", {"display_name": "First"})).json["slug"]
    path = "contacts/" if verb == "POST" else f"contacts/{slug}/"
    with ThreadPoolExecutor(2) as pool:
        with held(home.organization):
            coming = home.come(pool, merge_guest=merge_guest)
            wait_until(lambda: waiting() == 1, "the sign-in waits for the guest's organization")
            writing = pool.submit(home.other.request, verb, path, GRACE)
            wait_until(lambda: waiting() == 2, "so does the write, behind it")
        assert coming.result(30).status == 200
        answer = writing.result(30)
    assert wire_of(home.other).statuses[0] == 401  # token_revoked: the kit gets another token
    assert not Contact.objects.filter(organization=home.organization, **GRACE).exists()
    if verb == "PATCH" and not merge_guest:
        assert answer.status == 404
    else:
        assert accept(answer).json["organization"] == Organization.objects.get(personal_of=home.person).slug


def test_what_is_being_written_is_asked_about(home: Home) -> None:
    """The guest has nothing yet, but will have in a moment."""

    def write() -> None:
        facts = {"creator": home.guest, "display_name": "Grace", "slug": f"g-{home.guest.id}", "change_seq": 1}
        Contact.objects.create(organization=home.organization, **facts)

    with ThreadPoolExecutor(1) as pool:
        with held(home.organization, write=write):
            coming = home.come(pool)
            wait_until(lambda: waiting() == 1, "the sign-in waits for the guest's organization")
        answer = coming.result(30)
    assert (answer.status, answer.code) == (409, "guest_has_data")
    assert User.objects.get(id=home.guest.id).merged_into is None
