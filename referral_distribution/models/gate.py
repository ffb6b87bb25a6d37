"""The key to fields that only a module's own methods may write.

It travels in the context. An object cannot arrive over RPC, so no client, whatever
its rights, can hold it.
"""

GATE = object()


def is_open(env) -> bool:
    """Tell whether the running code holds the key."""
    return env.context.get("referral_gate") is GATE


def opened(records):
    """Return ``records`` with the key in their context."""
    return records.with_context(referral_gate=GATE)
