"""Keys, lifetimes, windows, policies, cookies and headers."""

import base64
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.settings import env
from core.settings.base import CMS_PATH, EMBEDDED


def _new_ring() -> str:
    """A key ring of one fresh 256-bit key, `kid:base64url`."""
    return "k1:" + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def _new_signing_key() -> str:
    """A fresh P-256 private key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


# Key rings, `kid:base64url,kid:base64url`; the first is current, the others still verify or decrypt.
DEVICE_MASTER_KEYS = env.secret("DEVICE_MASTER_KEYS", _new_ring)  # device secrets are derived from it
FIELD_KEYS = env.secret("FIELD_KEYS", _new_ring)  # encrypts columns such as app secrets

# Access tokens are signed with the first key that is "current": the PEM itself, PEM files (comma-separated paths,
# first current), or a JSON list of {"pem", "status": "next" | "current" | "retired"}.
JWT_SIGNING_KEYS = env.secret("JWT_SIGNING_KEYS", _new_signing_key)
JWT_ISSUER = env.text("JWT_ISSUER", "handset")
JWT_AUDIENCE = env.text("JWT_AUDIENCE", "handset-api")

ACCESS_TOKEN_SECONDS = env.integer("ACCESS_TOKEN_SECONDS", 900, minimum=60)
REFRESH_IDLE_SECONDS = env.integer("REFRESH_IDLE_SECONDS", 2_592_000, minimum=3600)
SESSION_MAX_SECONDS = env.integer("SESSION_MAX_SECONDS", 15_552_000, minimum=3600)
SESSIONS_PER_PERSON = 20

# How long a lost answer of a session change may be asked for again (seconds).
SESSION_OVERLAP_SECONDS = 24 * 3600
# How long after its creation a device may repeat its registration although it has a first token (seconds).
REGISTRATION_REPEAT_SECONDS = 15 * 60
UNACTIVATED_DEVICE_SECONDS = 24 * 3600

# How long the signed address of a file is good; it stays the same for half of that.
FILE_URL_SECONDS = env.integer("FILE_URL_SECONDS", 900, minimum=60)

# How long the archive of an export is kept, and its mailed link good.
EXPORT_RETENTION_DAYS = env.integer("EXPORT_RETENTION_DAYS", 7, minimum=1)

# Which calls must carry a signature beyond the token endpoints: tokens, sensitive, unsafe, all.
DEVICE_SIGNATURE_POLICY = env.choice("DEVICE_SIGNATURE_POLICY", "tokens", {"tokens", "sensitive", "unsafe", "all"})
# A signature counts from 300 s in the past to 60 s in the future; its nonce is kept a little longer than that.
SIGNATURE_PAST_SECONDS = 300
SIGNATURE_FUTURE_SECONDS = 60
NONCE_SECONDS = 370

# How far a device has to be trusted before its tokens change anything: none (any device), basic, strong.
ATTESTATION_REQUIRED = env.choice("ATTESTATION_REQUIRED", "none", {"none", "basic", "strong"})
# False takes evidence of App Attest's development environment, and apps that Google Play does not recognise.
ATTESTATION_PRODUCTION = env.flag("ATTESTATION_PRODUCTION", default=True)
ATTESTATION_CHALLENGE_SECONDS = 120
# Team id, dot, bundle id; and the root that vouches for keys, Apple's own if empty (PEM).
APP_ATTEST_APP_ID = env.text("APP_ATTEST_APP_ID")
APP_ATTEST_ROOT_CA = env.text("APP_ATTEST_ROOT_CA")
# Package name, and the two keys of the Play Console (base64, as they stand there).
PLAY_INTEGRITY_PACKAGE = env.text("PLAY_INTEGRITY_PACKAGE")
PLAY_INTEGRITY_DECRYPTION_KEY = env.text("PLAY_INTEGRITY_DECRYPTION_KEY")
PLAY_INTEGRITY_VERIFICATION_KEY = env.text("PLAY_INTEGRITY_VERIFICATION_KEY")

# How long rows of the audit trail are kept; 0: for good. Whole days go.
AUDIT_RETENTION_DAYS = env.integer("AUDIT_RETENTION_DAYS", 730)

# How long an account that was given up can be had back by signing in; 0: it is erased at once.
ERASURE_GRACE_DAYS = env.integer("ERASURE_GRACE_DAYS", 0)

# Of the embedded default's demo logins.
DEMO_PASSWORD = env.kept("demo_password", lambda: secrets.token_urlsafe(12)) if EMBEDDED else ""
# Whether the embedded default begins with made-up people and devices, so that the CMS has something to show.
DEMO_SEED = env.flag("DEMO_SEED", default=True)

# Read by `manage.py createsuperuser`, as Django names it.
SUPERUSER_PASSWORD = env.text("DJANGO_SUPERUSER_PASSWORD")

REGISTRATION_OPEN = env.flag("REGISTRATION_OPEN", default=True)

# Wrong passwords: this many within the window lock the account (for devices that never signed in there) for the
# first period, which doubles up to the longest.
LOCKOUT_FAILURES = 10
LOCKOUT_WINDOW_SECONDS = 15 * 60
LOCKOUT_SECONDS = 15 * 60
LOCKOUT_MAX_SECONDS = 24 * 3600

# Mails of one kind with codes or links to one address; who has a count of their own: auth.services.failures.asker_of.
MAILS_PER_DAY = 10
# How old the proof of a session may be where it stands in for a password (seconds).
FRESH_PROOF_SECONDS = 600

# Argon2id, OWASP's second profile: 19 MiB, two passes, one lane.
ARGON2_MEMORY_KIB = env.integer("ARGON2_MEMORY_KIB", 19_456, minimum=8)
ARGON2_TIME_COST = env.integer("ARGON2_TIME_COST", 2, minimum=1)
ARGON2_PARALLELISM = env.integer("ARGON2_PARALLELISM", 1, minimum=1)
# Passwords that were hashed elsewhere, until their person signs in: the most iterations that one of them has. For as long as
# there are any, every refused password costs as many.
PBKDF2_ITERATIONS = env.integer("PBKDF2_ITERATIONS", 1_000_000, minimum=1)
PASSWORD_HASHERS = ["api.platform.passwords.Argon2id", "api.platform.passwords.Pbkdf2"]
PASSWORD_MAX_LENGTH = 256
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["api.cms.access.StaffBackend"]

# Tightens or loosens who may do what in an organization: JSON object, action -> list of roles.
ORG_PERMISSIONS = env.text("ORG_PERMISSIONS", "{}")

# Operators read the details of /health/, and Prometheus /metrics, with this bearer token.
METRICS_TOKEN = env.text("METRICS_TOKEN")

# Staff pages: cookies, transport, framing.
LOGIN_URL = f"/{CMS_PATH}login/"
LOGIN_REDIRECT_URL = f"/{CMS_PATH}"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_SAVE_EVERY_REQUEST = True  # eight hours of idleness, not of life
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not EMBEDDED
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "api.problems.csrf_failure"
SECURE_SSL_REDIRECT = not EMBEDDED
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^api/v1/health$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = None if EMBEDDED else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if EMBEDDED else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not EMBEDDED
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Staff show a second factor. False skips it; only the embedded default may.
STAFF_SECOND_FACTOR = env.flag("STAFF_SECOND_FACTOR", default=True)
# How long somebody who has shown a password has for the second step (seconds).
SECOND_STEP_SECONDS = 600
# How long staff may look through somebody's eyes (seconds).
VIEW_AS_SECONDS = 900
# Its mechanisms: api.platform.factors. A code counts for its half minute and the two beside it.
MFA_ADAPTER = "api.platform.factors.SealedSecrets"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Handset CMS"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
ACCOUNT_EMAIL_VERIFICATION = "none"

# Under the names of Django 6, whose middleware replaces ours one day.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
