import pytest, uuid, time
from api.models import *
from tests.apis.contacts.rows import make_contact
pytestmark = pytest.mark.django_db
def test_many_orgs(alice):
    from api.platform import memberships
    make_contact(alice)
    have=0
    for want in (5, 20, 40, 60, 80, 120, 200, 300, 450, 499, 505):
        for n in range(have, want):
            o = Organization(name="x", slug=f"x-{n}", kind="group", owner=alice.user); o.save()
            Membership(user=alice.user, organization=o, role="owner").save()
        have=want
        memberships.changing([alice.user.id])
        t=time.time(); a = alice.get("contacts/"); t1=time.time()-t
        t=time.time(); b = alice.get("contacts/", q="ada lovelace"); t2=time.time()-t
        print("N", want, a.status, round(t1,3), b.status, round(t2,3))
        if a.status != 200: break
