"""Every address of the API, as the URL table has it, filled in so that it can be called."""

import re
from typing import Any, NamedTuple

from api.aliases import ALIASES
from api.checks import routes
from api.permissions import IsPublic
from api.views import ApiView

_PLACE = re.compile(r"<(?:(\w+):)?(\w+)>")
# What stands in a place of a route unless a test has something better; of the right form, and nobody's.
_NOBODYS = {
    "uuid": "00000000-0000-7000-8000-000000000000",
    "int": "0",
    "str": "nobodys-aaaaaa",
    "slug": "nobodys-aaaaaa",
}
_VERBS = ("get", "post", "put", "patch", "delete")


class Route(NamedTuple):
    """An address of the API. `verbs` are those that its view knows, in upper case."""

    pattern: str
    view: type[ApiView]
    verbs: frozenset[str]

    def path(self, **places: Any) -> str:
        """The address, with `places` (or nobody's ids) put in."""

        def fill(match: re.Match[str]) -> str:
            return str(places.get(match[2], _NOBODYS[match[1] or "str"]))

        return "/" + _PLACE.sub(fill, self.pattern)

    @property
    def places(self) -> list[str]:
        return [name for _, name in _PLACE.findall(self.pattern)]

    @property
    def is_public(self) -> bool:
        return IsPublic in self.view.permission_classes


def api_routes(*, with_aliases: bool = False) -> list[Route]:
    """All routes that an `ApiView` serves; the second addresses of some are the same views."""
    found = []
    for pattern, view in routes():
        if pattern in ALIASES and not with_aliases:
            continue
        view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
        if view_class is not None and issubclass(view_class, ApiView):
            verbs = frozenset(verb.upper() for verb in _VERBS if hasattr(view_class, verb))
            found.append(Route(pattern, view_class, verbs))
    return found
