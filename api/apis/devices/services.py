"""Naming devices, and signing out on them."""

from django.utils import timezone

from api.apis.auth import services as auth
from api.exceptions import NotThere
from api.models import Device, EndReason, Session, User
from api.platform import audit
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.transactions import transactional


@transactional
def rename_device(caller: Caller, *, device: str, name: str) -> None:
    """Names a device on which the caller is signed in: one that was theirs is not theirs to name. Raises NotThere."""
    assert caller.user_id is not None
    session = Session.objects.filter(live_device=as_uuid(device), user_id=caller.user_id)
    named = Device.objects.select_for_update().filter(id__in=session.values("device_id")).first()
    if named is None:
        raise NotThere
    if named.name == name:
        return
    changes = {"name": [named.name, name]}
    named.name = name
    named.save(update_fields=["name", "updated_at"])
    audit.record(caller, "device.renamed", target_kind="device", target_id=named.id, changes=changes)


@transactional
def remove_device(caller: Caller, *, device: str) -> None:
    """Signs the caller out on a device, also the one they call from, and takes it off their list; harmless when repeated.

    The device stays registered, and whoever else is signed in on it stays so. Raises NotThere for one that was never the
    caller's, or too long ago.
    """
    assert caller.user_id is not None
    device_id = as_uuid(device)
    mine = Session.objects.filter(user_id=caller.user_id, device=device_id)
    if device_id is None or not mine.exists():
        raise NotThere
    auth.lock_device(device_id)
    if not mine.filter(hidden_at=None).update(hidden_at=timezone.now()):
        return
    auth.end_sessions(caller, reason=EndReason.SIGNED_OUT, user_id=caller.user_id, device_id=device_id)
    audit.record(caller, "device.removed", target_kind="device", target_id=device_id)


@transactional
def sign_out_others(caller: Caller) -> None:
    """Ends every session of the caller but the one they call by; harmless when repeated."""
    assert caller.user_id is not None
    assert caller.session_id is not None
    # As a sign-in does: one that goes on at the same time is over before this, or begins after it.
    User.objects.select_for_update().get(id=caller.user_id)
    auth.end_other_sessions(caller, user_id=caller.user_id, but=caller.session_id, reason=EndReason.SIGNED_OUT)
    audit.record(caller, "auth.signed_out_elsewhere", target_kind="user", target_id=caller.user_id)
