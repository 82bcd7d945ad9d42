"""Password hashing: Argon2id with our parameters, and a check that costs the same whether or not there is an account."""

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from api.models import User


class Argon2id(Argon2PasswordHasher):
    """Django's Argon2id hasher with the parameters of the settings; a changed one re-hashes at the next sign-in."""

    time_cost = settings.ARGON2_TIME_COST
    memory_cost = settings.ARGON2_MEMORY_KIB
    parallelism = settings.ARGON2_PARALLELISM


def password_matches(user: User | None, password: str) -> bool:
    """Whether `password` is the user's. Hashes exactly once also for nobody, and for people without a password.

    A right one whose hash is of another kind, or of other parameters, is stored as it would be hashed today.
    """
    if user is None or not user.has_usable_password():
        make_password(password)
        return False

    def store_anew(password: str) -> None:
        before, user.password = user.password, make_password(password)
        # Not in the place of one that was set meanwhile.
        User.objects.filter(id=user.id, password=before).update(password=user.password)

    return check_password(password, user.password, store_anew)
