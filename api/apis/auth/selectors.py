"""Reading the caller's own session."""

from api.models import Session
from api.platform.callers import Caller
from api.platform.tokens import TokenRevoked


def own_session(caller: Caller) -> Session:
    """The session of the caller's token, with its device and person. Raises TokenRevoked."""
    session = Session.objects.select_related("device", "user").filter(id=caller.session_id).first()
    if session is None:
        raise TokenRevoked
    return session
