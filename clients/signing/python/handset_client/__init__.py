"""The client of a Handset server: a device, its signatures, a session, on a network that fails."""

from handset_client.calls import Attempt, Call
from handset_client.client import Client
from handset_client.clock import ServerClock
from handset_client.device_info import DeviceInfo
from handset_client.ids import uuid7
from handset_client.keys import HmacKey, P256Key
from handset_client.outcomes import REMEDIES, Answer, DeviceRevoked, Refused, Remedy
from handset_client.signature import Signature, Tag, content_digest, new_nonce, sign
from handset_client.state import State
from handset_client.storage import FileStorage, MemoryStorage, Storage
from handset_client.transport import HttpTransport, NetworkFailure, Response, Transport

__all__ = [
    "REMEDIES",
    "Answer",
    "Attempt",
    "Call",
    "Client",
    "DeviceInfo",
    "DeviceRevoked",
    "FileStorage",
    "HmacKey",
    "HttpTransport",
    "MemoryStorage",
    "NetworkFailure",
    "P256Key",
    "Refused",
    "Remedy",
    "Response",
    "ServerClock",
    "Signature",
    "State",
    "Storage",
    "Tag",
    "Transport",
    "content_digest",
    "new_nonce",
    "sign",
    "uuid7",
]
