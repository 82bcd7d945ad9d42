"""Second factors of the suite's staff, shown as anybody shows them. Recovery codes: a code of an app counts once in half a
minute, and tests are quicker than that.
"""

import re
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client

from api.models import User
from api.platform import factors

SECRET = re.compile(r'<code class="secret">([A-Z2-7 ]+)</code>')


def a_code_of(person: User) -> str:
    """A code that counts now, and only once."""
    codes = factors.recovery_codes_left(person)
    return codes[0] if codes else factors.new_recovery_codes(person)[0]


def now_shown(secret: str) -> str:
    """What an authenticator app with this secret shows now."""
    import time

    return factors.code_at(secret.replace(" ", ""), time.time())


def show_second_factor(browser: Client, location: str, identity: str, destination: str) -> HttpResponse:
    """Whatever the second step is: showing a code, or setting up an app first."""
    fields = (
        {"next": destination, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
        if ("csrftoken" in browser.cookies)
        else {"next": destination}
    )
    path = urlsplit(location).path
    if path == "/cms/login/code/":
        person = User.objects.get(email_identity=identity)
        return browser.post(path, {"code": a_code_of(person), **fields})
    found = SECRET.search(browser.get(path).content.decode())
    assert found is not None, f"{location} is no step of the sign-in"
    answer = browser.post(path, {"code": now_shown(found[1]), **fields})
    assert "recovery codes" in answer.content.decode().lower()
    return browser.get("/cms/login/", {"next": destination})
