"""What drf-spectacular calls before and after it has looked at the views."""

import importlib
import re
from collections.abc import Iterable
from typing import Any

from api import aliases
from api.platform.signing import Tag
from api.schema import refusals
from api.schema.headers import header_components, request_header_components


def _path_of(route: str) -> str:
    """A route of Django's as OpenAPI writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


# Second address -> the documented one of the same view.
ALIASES = {
    "/api/v1/me/": "/api/v1/users/me/",
    "/api/v1/token/refresh/": "/api/v1/auth/refresh-token/",
    **{_path_of(alias): _path_of(route) for alias, route in aliases.ALIASES.items()},
}


def only_the_api(endpoints: list[tuple[Any, ...]], **_: Any) -> list[tuple[Any, ...]]:
    """A hook of drf-spectacular: drops second addresses of the same resource."""
    return [endpoint for endpoint in endpoints if endpoint[0] not in ALIASES]


_SIGNED = "`Content-Digest`, `Signature-Input` and `Signature` by profile devauth-v1 (docs/device-authentication.md)"
_SECURITY_SCHEMES = {
    "deviceToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a device's session, from auth/get-token/.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Api-Key hs_live_…`: a service of an organization, within the key's scopes.",
    },
    "deviceSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": f"{_SIGNED} with the tag `{Tag.TOKEN}`, by the device's key.",
    },
    "requestSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": (
            f"{_SIGNED} with the tag `{Tag.REQUEST}`, by the key of the token's device. Needed where the server's policy "
            "says so (403 `signature_required`), verified wherever it is sent."
        ),
    },
    "appSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": f"{_SIGNED} with the tag `{Tag.REGISTER}`, by an app key.",
    },
}


def add_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: what operations refer to, and what their tags mean."""
    operations = [
        (path, operation)
        for path, verbs in result["paths"].items()
        for operation in verbs.values()
        if isinstance(operation, dict)
    ]
    result["tags"] = [
        # Its first paragraph; what follows is for whoever works on the domain.
        {"name": domain, "description": (importlib.import_module(f"api.apis.{domain}").__doc__ or "").split("\n\n")[0]}
        for domain in sorted({tag for _, operation in operations for tag in operation["tags"]})
    ]
    components = result.setdefault("components", {})
    components["securitySchemes"] = _SECURITY_SCHEMES
    components.setdefault("schemas", {})["Problem"] = refusals.PROBLEM
    _admit_parts(operations, components["schemas"])
    components["parameters"] = request_header_components()
    components["headers"] = header_components()
    components["examples"] = refusals.examples(operations)
    components["responses"] = refusals.shared_refusals(operation for _, operation in operations)
    return result


def _admit_parts(operations: Iterable[tuple[str, dict[str, Any]]], schemas: dict[str, Any]) -> None:
    """Where `fields` chooses members, an answer is the representation or a part of it."""
    for _, operation in operations:
        if not any(parameter.get("name") == "fields" for parameter in operation["parameters"]):
            continue
        content = operation["responses"]["200"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        if "data" in schemas[name]["properties"]:
            entries = schemas[name]["properties"]["data"]
            if "anyOf" in entries["items"]:
                continue  # two lists of the same
            name = entries["items"]["$ref"].rpartition("/")[2]
            entries["items"] = _or_a_part(name)
        else:
            content["schema"] = _or_a_part(name)
        whole = {member: value for member, value in schemas[name].items() if member != "required"}
        schemas[f"{name}Part"] = {**whole, "minProperties": 1, "description": f"What `fields` names of a {name}."}


def _or_a_part(name: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/components/schemas/{part}"} for part in (name, f"{name}Part")]}
