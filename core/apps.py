"""What every process does once Django is set up."""

from importlib import import_module

from django.apps import AppConfig

from core import logs


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        logs.configure()
        import_module("core.checks")  # registers them
