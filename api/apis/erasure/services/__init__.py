"""The verbs of erasure: `people` and `organizations`, which stand on `rows` (tables), `files` and `receipts` (numbers)."""

from api.apis.erasure.services.organizations import erase_organization
from api.apis.erasure.services.people import erase_person
from api.apis.erasure.services.receipts import go_on_with_failed

__all__ = ["erase_organization", "erase_person", "go_on_with_failed"]
