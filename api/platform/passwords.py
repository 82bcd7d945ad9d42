"""Password hashing: Argon2id with our parameters, PBKDF2 for what was hashed elsewhere, and a check whose refusal costs the
same for everybody and nobody.
"""

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    PBKDF2PasswordHasher,
    check_password,
    get_hasher,
    make_password,
)

from api.models import User


class Argon2id(Argon2PasswordHasher):
    """Django's Argon2id hasher with the parameters of the settings; a changed one re-hashes at the next sign-in."""

    time_cost = settings.ARGON2_TIME_COST
    memory_cost = settings.ARGON2_MEMORY_KIB
    parallelism = settings.ARGON2_PARALLELISM


class Pbkdf2(PBKDF2PasswordHasher):
    """Django's PBKDF2, with the most iterations that passwords from elsewhere may have and be refused in equal time."""

    algorithm: str = "pbkdf2_sha256"
    iterations = settings.PBKDF2_ITERATIONS


def password_matches(user: User | None, password: str) -> bool:
    """Whether `password` is the user's. A refusal takes as long for nobody, and for people without a password: so give
    None for whoever may not enter with the right one either.

    A right one whose hash is of another kind, or of other parameters, is stored as it would be hashed today.
    """
    algorithm = user.password.partition("$")[0] if user is not None else ""
    if user is not None and algorithm in {Argon2id.algorithm, Pbkdf2.algorithm} and _is_right(user, password):
        return True
    _make_up(algorithm, user.password if user is not None else "", password)
    return False


def _is_right(user: User, password: str) -> bool:
    def store_anew(password: str) -> None:
        before, user.password = user.password, make_password(password)
        # Not in the place of one that was set meanwhile.
        User.objects.filter(id=user.id, password=before).update(password=user.password)

    return check_password(password, user.password, store_anew)


def _make_up(algorithm: str, encoded: str, password: str) -> None:
    """Spends what a refusal has not cost yet: an Argon2id, and a PBKDF2 for as long as anybody's password is hashed so.
    Else the time would tell whose account came from elsewhere.
    """
    if algorithm != Argon2id.algorithm:
        make_password(password)
    if not User.objects.filter(password_algorithm=Pbkdf2.algorithm).exists():
        return
    pbkdf2 = get_hasher(Pbkdf2.algorithm)
    if algorithm == Pbkdf2.algorithm:
        pbkdf2.harden_runtime(password, encoded)
    else:
        pbkdf2.encode(password, pbkdf2.salt())
