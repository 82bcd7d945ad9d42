"""A tiny database of places, written in MaxMind's format (maxmind.github.io/MaxMind-DB): IPv4, records of 24 bits."""

from ipaddress import IPv4Network
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)


def database(places: dict[str, dict[str, Any]]) -> bytes:
    """The file that knows these networks."""
    nodes: list[list[int | None]] = [[None, None]]
    data, leaves = b"", {}
    for name, place in places.items():
        network = IPv4Network(name)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            following = nodes[node][int(bit)]
            if following is None:
                nodes.append([None, None])
                following = nodes[node][int(bit)] = len(nodes) - 1
            node = following
        leaves[node, int(bits[-1])] = len(data)
        data += _encoded(place)
    tree = b""
    for number, node_ in enumerate(nodes):
        for bit in (0, 1):
            value = node_[bit] if node_[bit] is not None else len(nodes)
            if (number, bit) in leaves:
                value = len(nodes) + len(_SEPARATOR) + leaves[number, bit]
            assert value is not None
            tree += value.to_bytes(3)
    about = {
        "binary_format_major_version": _number(2, 2),
        "binary_format_minor_version": _number(0, 2),
        "build_epoch": _number(1_795_253_400, 8),
        "database_type": "Test-City",
        "description": {},
        "ip_version": _number(4, 2),
        "languages": b"\x00\x04",  # none
        "node_count": _number(len(nodes), 4),
        "record_size": _number(24, 2),
    }
    return tree + _SEPARATOR + data + _MARKER + _encoded(about)


def _number(value: int, size: int) -> bytes:
    """Unsigned; a type above 7 stands in a byte of its own, less 7."""
    control = {2: bytes([5 << 5 | 2]), 4: bytes([6 << 5 | 4]), 8: bytes([8, 9 - 7])}[size]
    return control + value.to_bytes(size)


def _encoded(value: Any) -> bytes:
    """Maps (type 7) and short texts (2), and what is encoded already."""
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
    if isinstance(value, str):
        content = value.encode()
        assert len(content) < 29
        return bytes([2 << 5 | len(content)]) + content
    found: bytes = value
    return found
