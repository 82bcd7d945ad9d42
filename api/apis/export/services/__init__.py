"""The verbs of exports: `changing` them, `running` their job (which builds, `building`, an archive of `contents`, made of
`tables`), and the `links` by mail.
"""

from api.apis.export.services.changing import ExportNotFailed, begin_export, remove_export, retry_export
from api.apis.export.services.links import Ready, address_by_mail, archive_behind, mail_export
from api.apis.export.services.running import discard_archive, forget_old_exports, run_export

__all__ = [
    "ExportNotFailed",
    "Ready",
    "address_by_mail",
    "archive_behind",
    "begin_export",
    "discard_archive",
    "forget_old_exports",
    "mail_export",
    "remove_export",
    "retry_export",
    "run_export",
]
