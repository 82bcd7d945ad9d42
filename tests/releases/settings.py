"""The project's settings with the app that changes, and with the linter that judges its migrations."""

from core.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.releases", "django_migration_linter"]
