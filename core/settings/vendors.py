"""What others do for us: carrying mail, saying who somebody is. And the addresses that mails lead to."""

from core.settings import env
from core.settings.base import EMBEDDED, MIDDLEWARE, PORT

# Where the links of mails lead: this server's own pages, or an app's site that knows the same paths.
FRONTEND_URL = env.text("FRONTEND_URL", f"http://localhost:{PORT}" if EMBEDDED else "").rstrip("/")
# Where a magic code's link leads; a bare origin is completed by /magic-verify. Default: FRONTEND_URL.
MAGIC_LINK_VERIFY_URL = env.text("MAGIC_LINK_VERIFY_URL", FRONTEND_URL)
MAGIC_LINK_EXPIRY_MINUTES = env.integer("MAGIC_LINK_EXPIRY_MINUTES", 15, minimum=1)
# Answers the code to whoever asked for it, for the author of a client. Only with DEBUG.
MAGIC_LINK_DEBUG_ECHO_TOKEN = env.flag("MAGIC_LINK_DEBUG_ECHO_TOKEN", default=False)

# Who carries mail. The embedded default shows it in the terminal and keeps it as files.
EMAIL_PROVIDER = env.choice(
    "EMAIL_PROVIDER",
    "console",
    {"console", "file", "smtp", "resend", "postmark", "sendgrid", "ses", "mailgun", "brevo"},
)
EMAIL_FILE_PATH = env.text("EMAIL_FILE_PATH", str(env.VAR_DIR / "mail"))
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Handset <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10

EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)

# The provider's API key (Postmark: server token); Mailgun also wants the domain that it sends for.
EMAIL_API_KEY = env.text("EMAIL_API_KEY")
EMAIL_SENDER_DOMAIN = env.text("EMAIL_SENDER_DOMAIN")

if EMAIL_PROVIDER == "sendgrid":  # over SMTP: django-anymail maintains its API no more
    EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS = "smtp.sendgrid.net", 587, True
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = "apikey", EMAIL_API_KEY

EMAIL_BACKEND = {
    "console": "api.platform.mail.TerminalAndFiles" if EMBEDDED else "django.core.mail.backends.console.EmailBackend",
    "file": "api.platform.mail.Files",
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "sendgrid": "django.core.mail.backends.smtp.EmailBackend",
    "ses": "anymail.backends.amazon_ses.EmailBackend",
}.get(EMAIL_PROVIDER, f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend")
ANYMAIL = {
    "REQUESTS_TIMEOUT": EMAIL_TIMEOUT,
    "RESEND_API_KEY": EMAIL_API_KEY,
    "POSTMARK_SERVER_TOKEN": EMAIL_API_KEY,
    "MAILGUN_API_KEY": EMAIL_API_KEY,
    "MAILGUN_SENDER_DOMAIN": EMAIL_SENDER_DOMAIN or None,
    "BREVO_API_KEY": EMAIL_API_KEY,
    # Tried again by the outbox, not within an attempt, which has to end while its lease lasts.
    "AMAZON_SES_CLIENT_PARAMS": {
        "config": {
            "connect_timeout": EMAIL_TIMEOUT,
            "read_timeout": EMAIL_TIMEOUT,
            "retries": {"total_max_attempts": 1},
        }
    },
}

# A database of places in MaxMind's format (GeoLite2 City, or any with towns or countries). Empty: places are not known.
GEOIP_PATH = env.text("GEOIP_PATH")

# Who may sign people in by OpenID Connect: name -> {"issuer", "client_ids"}. The names are in the addresses of the API.
GOOGLE_CLIENT_IDS = env.words("GOOGLE_CLIENT_IDS")
APPLE_CLIENT_IDS = env.words("APPLE_CLIENT_IDS")
OIDC_PROVIDERS = {
    name: {"issuer": issuer, "client_ids": client_ids}
    for name, issuer, client_ids in (
        ("google", "https://accounts.google.com", GOOGLE_CLIENT_IDS),
        ("apple", "https://appleid.apple.com", APPLE_CLIENT_IDS),
    )
    if client_ids
} | env.json_object("OIDC_PROVIDERS")
# For each of the two documents that an issuer's keys are found by.
OIDC_TIMEOUT_SECONDS = 3

# Where errors that nobody expected are reported. Empty: to nobody.
SENTRY_DSN = env.text("SENTRY_DSN")
# Where traces go, by OTLP over HTTP. Empty: none are made.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
# Which part of the requests and tasks is traced, from 0 to 1.
OTEL_TRACES_RATIO = env.ratio("OTEL_TRACES_RATIO", 0.1)
if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(MIDDLEWARE.index("core.middleware.RequestLogMiddleware") + 1, "core.middleware.TraceMiddleware")
