"""Settings under which `make check` looks for migrations that the code before them cannot live with."""

from tests.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
