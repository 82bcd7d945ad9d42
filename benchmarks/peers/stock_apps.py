"""The product's tables for the stock peer, without what else the product's app loads when it is ready."""

from django.apps import AppConfig


class Tables(AppConfig):
    name = "api"
    default_auto_field = "django.db.models.BigAutoField"
