"""Forms (multipart/form-data) as phones write them, and as nobody would in good faith: one reading, or a refusal."""

import pytest
from handset_client import Answer

from api.parsers import PARTS_MAX
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.http.conftest import Send
from tests.pictures import BOUNDARY, Field, form, photo, picture_form

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files")]

PICTURE = photo(60, 60)
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="me.jpg"\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def post(alice: Person, send: Send):
    """Sends a body to `users/avatar/` as a form."""
    alice.phone.get_token()

    def call(body: bytes, content_type: str = f"multipart/form-data; boundary={BOUNDARY}", **kwargs: object):
        return send("POST", "users/avatar/", body, person=alice, content_type=content_type, **kwargs)

    return call


@pytest.mark.parametrize(
    "body",
    [
        picture_form(PICTURE),
        picture_form(PICTURE)[:-2],
        HEAD + b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 1\r\n\r\n" + PICTURE + TAIL,
        HEAD.replace(b'"me.jpg"', b"me.jpg") + b"\r\n" + PICTURE + TAIL,
        HEAD.replace(b'; filename="me.jpg"', b"; filename*=UTF-8''m%C3%A9.jpg") + b"\r\n" + PICTURE + TAIL,
        HEAD.replace(b"Content-Disposition", b"content-disposition").replace(b"form-data", b"Form-Data")
        + b"\r\n" + PICTURE + TAIL,
        HEAD.replace(b'"me.jpg"', b'"say \\"cheese\\".jpg"') + b"\r\n" + PICTURE + TAIL,
        HEAD.replace(b'"me.jpg"', b'"say %22cheese%22.jpg"') + b"\r\n" + PICTURE + TAIL,
    ],
    ids=["plain", "no-last-break", "headers", "bare-name", "encoded-name", "capitals", "backslash", "percent"],
)  # fmt: skip
def test_forms_that_are_taken(post, body: bytes) -> None:
    answer = post(body)
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("boundary", ["x", "-" * 70, "0123456789'()+_,-./:=?", "a b"])
def test_boundaries(post, boundary: str) -> None:
    body = picture_form(PICTURE, boundary=boundary)
    assert post(body, f'multipart/form-data; boundary="{boundary}"').status_code == 200
    assert post(body, f'Multipart/Form-Data; charset=utf-8; boundary="{boundary}"').status_code == 200


def test_content_may_hold_what_looks_like_a_boundary_but_for_its_line(post) -> None:
    content = PICTURE + f"--{BOUNDARY}".encode() + b"\n--" + BOUNDARY.encode()
    assert post(HEAD + b"\r\n" + content + TAIL).status_code == 200


MALFORMED = {
    "nothing before the boundary but words": b"preamble\r\n" + picture_form(PICTURE),
    "something behind": picture_form(PICTURE) + b"epilogue",
    "no end": picture_form(PICTURE).removesuffix(TAIL),
    "cut in the last boundary": picture_form(PICTURE)[:-5],
    "cut in the first boundary": BOUNDARY.encode(),
    "boundary only": b"--" + BOUNDARY.encode(),
    "another boundary": picture_form(PICTURE, boundary="other"),
    "longer boundary": picture_form(PICTURE, boundary=BOUNDARY + "x"),
    "no headers": f"--{BOUNDARY}\r\n\r\nx".encode() + TAIL,
    "no disposition": f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx".encode() + TAIL,
    "attachment": HEAD.replace(b"form-data", b"attachment") + b"\r\nx" + TAIL,
    "no name": HEAD.replace(b'; name="file"', b"") + b"\r\nx" + TAIL,
    "empty name": HEAD.replace(b'"file"', b'""') + b"\r\nx" + TAIL,
    "two names": HEAD.replace(b'name="file"', b'name="file"; name="user"') + b"\r\nx" + TAIL,
    "two file names": HEAD.replace(b"filename", b'filename="a"; filename') + b"\r\nx" + TAIL,
    "two dispositions": HEAD + HEAD.partition(b"\r\n")[2] + b"\r\nx" + TAIL,
    "encoded": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nx" + TAIL,
    "headers without end": HEAD + b"X: " + b"x" * 9000 + b"\r\n\r\nx" + TAIL,
    "ten thousand headers": HEAD + b"X: x\r\n" * 10_000 + b"\r\nx" + TAIL,
    "folded header": HEAD + b" folded\r\n\r\nx" + TAIL,
    "bytes in a header": HEAD.replace(b"me", b"\xff\xfe") + b"\r\nx" + TAIL,
    "type of another kind": HEAD + b"Content-Type: \x00\r\n\r\nx" + TAIL,
    "line feeds": picture_form(PICTURE).replace(b"\r\n", b"\n"),
    "the same field twice": form(Field("file", PICTURE, "a.jpg"), Field("file", PICTURE, "b.jpg")),
    "10,001 parts": form(*(Field(f"f{number}", b"x") for number in range(10_001))),
    "10,001 files": form(*(Field(f"f{number}", b"x", "a") for number in range(10_001))),
    "text that is not text": form(Field("text", b"\xff")),
    "a long text": form(Field("text", b"x" * 70_000)),
    "nested": f"--{BOUNDARY}\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--".encode() + TAIL,
    "empty": b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_forms_that_are_refused(post, alice: Person, body: bytes) -> None:
    for headers in ({}, {"idempotency-key": "k1"}):
        problem_of(post(body, headers=headers), 400, "malformed_body")
    assert alice.get("users/me/").json["avatar"] is None


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f'multipart/form-data; boundary="{"x" * 71}"',
        'multipart/form-data; boundary="x "',
        'multipart/form-data; boundary="ü"',
        "multipart/form-data; boundary=\r\n",
    ],
)
def test_a_boundary_that_is_none(post, content_type: str) -> None:
    problem_of(post(picture_form(PICTURE), content_type), 400, "malformed_body")


def test_as_many_parts_as_there_may_be(post) -> None:
    most = form(*(Field(f"f{number}", b"x") for number in range(PARTS_MAX)))
    assert len(errors_of(post(most))) == 20  # and no more: the answer stays small
    problem_of(post(form(*(Field(f"f{number}", b"x") for number in range(PARTS_MAX + 1)))), 400, "malformed_body")


def test_every_place_to_cut_it_off(post) -> None:
    """No prefix of a form is one, and none of them is the server's fault."""
    whole = picture_form(b"x" * 20)
    for length in range(1, len(whole) - 2):
        problem_of(post(whole[:length]), 400, "malformed_body")


@pytest.mark.parametrize("name", ["\ud800", "a\r\nX-Injected: 1", 'a"; filename="b'])
def test_names_of_fields_come_back_as_fields_only(post, name: str) -> None:
    body = form(Field("NAME", b"x")).replace(b"NAME", name.encode(errors="surrogatepass"))
    answer = post(body)
    assert answer.status_code == 400
    assert "X-Injected" not in answer.headers


def test_signature_is_asked_before_the_form_is_read(alice: Person) -> None:
    """A token that is not good is 401, whatever the body is."""
    answer = alice.transport.call(
        "POST",
        "http://localhost:8000/api/v1/users/avatar/",
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Authorization": "Bearer a.b.c"},
        b"x" * 100,
    )
    problem_of(Answer.read(answer), 401, "token_invalid")
