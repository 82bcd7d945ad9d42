"""Prints fresh secrets as lines for `.env`: what a deployment needs and has no default."""

import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management.base import BaseCommand

from api.platform.keys import b64url


class Command(BaseCommand):
    help = "Prints fresh secrets as lines for .env; nothing is stored."
    requires_system_checks = []  # they ask for what is made here

    def handle(self, *args: Any, **options: Any) -> None:
        lines = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DEVICE_MASTER_KEYS": _ring(),
            "FIELD_KEYS": _ring(),
            # Quoted for compose and for shells.
            "JWT_SIGNING_KEYS": f"'{json.dumps([{'pem': _pem(), 'status': 'current'}])}'",
            "METRICS_TOKEN": secrets.token_urlsafe(24),
            # For compose.yaml; part of a URL, so letters and digits only.
            "MYSQL_PASSWORD": secrets.token_hex(24),
            "RABBITMQ_PASSWORD": secrets.token_hex(24),
        }
        self.stdout.write("\n".join(f"{name}={value}" for name, value in lines.items()))


def _ring() -> str:
    return f"k1:{b64url(secrets.token_bytes(32))}"


def _pem() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )
