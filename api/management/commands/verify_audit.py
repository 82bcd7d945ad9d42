"""`manage.py verify_audit`: proves that nothing in the audit trail was altered, removed or put elsewhere."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.apis.audit import services


class Command(BaseCommand):
    help = "Verifies every row and link of the audit trail, and the days against the copies that were kept of them."

    def handle(self, *args: Any, **options: Any) -> None:
        services.seal()
        seen, faults = services.verify()
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"The audit trail was tampered with: {len(faults)} faults.")
        self.stdout.write(f"{seen.rows} rows of {seen.days} days hold; of {seen.erased} what is personal was erased.")
