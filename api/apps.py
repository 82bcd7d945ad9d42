"""The Django app of the product."""

from importlib import import_module
from pkgutil import iter_modules

from django.apps import AppConfig

from api.platform import connections


class ApiConfig(AppConfig):
    name = "api"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("api.checks")  # registers them
        connections.watch()
        connections.trust_recent()
        load_tasks()


def load_tasks() -> None:
    """Imports the `tasks` module of every domain that has one, so that the outbox knows its tasks."""
    domains = import_module("api.apis")
    for domain in iter_modules(domains.__path__):
        package = import_module(f"api.apis.{domain.name}")
        if any(module.name == "tasks" for module in iter_modules(package.__path__)):
            import_module(f"api.apis.{domain.name}.tasks")
