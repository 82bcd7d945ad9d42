"""An issuer of OpenID Connect: a process with keys of its own, which also does what issuers must not do.

`python tests/issuer.py` prints its port. Beside what every issuer answers, tests ask it by POST to /sign a token, to
/rotate its keys, and to /misbehave.
"""

import base64
import hmac
import json
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
_ALGORITHMS = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm}


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Issuer:
    """What the process knows."""

    def __init__(self) -> None:
        self.generation = 0
        self.fault = ""
        self.asked = 0
        self.keys: dict[str, Any] = {}
        self.rotate()

    def rotate(self) -> None:
        self.generation += 1
        self.keys = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }

    def kid(self, algorithm: str) -> str:
        return f"{algorithm}-{self.generation}"

    def jwks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            # What issuers may list as well, and nobody may sign with here.
            {"kty": "oct", "kid": "mac", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
            {"kty": "RSA", "kid": "broken", "n": "?", "e": "AQAB"},
            {"kty": "LMS", "kid": "unheard-of"},
        ]
        for algorithm, key in self.keys.items():
            jwk = _ALGORITHMS[algorithm].to_jwk(key.public_key(), as_dict=True)
            found.append({**jwk, "kid": self.kid(algorithm), "alg": algorithm, "use": "sig"})
        encryption = RSAAlgorithm.to_jwk(self.keys["RS256"].public_key(), as_dict=True)
        return [*found, {**encryption, "kid": "encryption", "use": "enc"}]

    def signed(self, claims: dict[str, Any], algorithm: str, headers: dict[str, Any]) -> str:
        headers = {"kid": self.kid(algorithm) if algorithm in self.keys else self.kid("RS256"), **headers}
        if algorithm == "none":
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        if algorithm == "HS256":  # with the public key as its secret
            public = self.keys["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            head, payload = (b64url(json.dumps(part).encode()) for part in ({"alg": "HS256", **headers}, claims))
            return f"{head}.{payload}.{b64url(hmac.digest(public, f'{head}.{payload}'.encode(), 'sha256'))}"
        if algorithm == "stranger":
            stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return jwt.encode(claims, stranger, algorithm="RS256", headers=headers)
        key = self.keys["RS256" if algorithm == "PS256" else algorithm]
        return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


class _Handler(BaseHTTPRequestHandler):
    issuer = _Issuer()

    def do_GET(self) -> None:
        here, fault = f"http://127.0.0.1:{self.server.server_address[1]}", self.issuer.fault
        if self.path == DISCOVERY:
            self.issuer.asked += 1
            issuer = "https://accounts.example.com" if fault == "other issuer" else here
            self._answer({"issuer": issuer, "jwks_uri": f"{here}/jwks"})
        elif fault == "broken":
            self._answer({"error": "down"}, status=500)
        elif fault == "redirects":
            self._answer({}, status=302, headers={"Location": f"{here}/moved"})
        elif fault == "drips":
            self._drip()
        elif fault == "hangs":
            time.sleep(60)
        elif fault == "huge":
            self._answer({"keys": [{"filler": "x" * 1000}] * 1000})
        elif fault == "garbled":
            self._send(b"<html>", 200, {})
        else:
            self._answer({"keys": self.issuer.jwks()})

    def _drip(self) -> None:
        """A byte at a time, without an end: no read of it ever takes long."""
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/sign":
            self._answer({"token": self.issuer.signed(**said)})
        elif self.path == "/rotate":
            self.issuer.rotate()
            self._answer({})
        elif self.path == "/misbehave":
            self.issuer.fault = said["how"]
            self._answer({})
        else:
            self._answer({"asked": self.issuer.asked, "generation": self.issuer.generation})

    def _answer(self, body: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(body).encode(), status, headers or {})

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


class Issuer:
    """The process, as tests have it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, str(Path(__file__))], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def stop(self) -> None:
        """Ends it; nobody listens at its address any more."""
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def sign(self, claims: dict[str, Any], algorithm: str = "RS256", **headers: Any) -> str:
        """A token, signed by the present key of an algorithm or as a forger would (`none`, `HS256`, `stranger`)."""
        return str(self._ask("sign", claims=claims, algorithm=algorithm, headers=headers)["token"])

    def rotate(self) -> None:
        """Takes new keys; the old ones are gone."""
        self._ask("rotate")

    def misbehave(self, how: str) -> None:
        """From now on: `broken`, `hangs`, `drips`, `huge`, `garbled`, `redirects`, `other issuer`; empty: no more."""
        self._ask("misbehave", how=how)

    @property
    def asked(self) -> int:
        """How often it was asked for its keys."""
        return int(self._ask("asked")["asked"])

    def kid(self, algorithm: str) -> str:
        """The id of the present key of an algorithm."""
        return f"{algorithm}-{self._ask('asked')['generation']}"

    def _ask(self, what: str, **said: Any) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.address}/{what}", json.dumps(said).encode())
        with urllib.request.urlopen(request, timeout=10) as response:
            found: dict[str, Any] = json.load(response)
            return found


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)  # noqa: T201 -- its parent reads it
    server.serve_forever()
