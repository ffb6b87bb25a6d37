"""What one run over many documents has found already, so that it looks but once.

It travels in the context of the run alone. An object cannot arrive over RPC, so no
client can tell a run what it has found.
"""


class Memo(dict):
    """Answers by question."""


class Trial(Memo):
    """Answers in a run that tries a plan, and gives nothing."""


def tried(records):
    """Return ``records`` for such a run, with an empty memo."""
    return records.with_context(referral_memo=Trial())


def is_trial(env) -> bool:
    """Tell whether a plan is only tried."""
    return isinstance(env.context.get("referral_memo"), Trial)


def remembered(records):
    """Return ``records`` with a memo in their context: the run's, or an empty one."""
    if isinstance(records.env.context.get("referral_memo"), Memo):
        return records
    return records.with_context(referral_memo=Memo())


def recall(env, question, find):
    """Return the answer to ``question``; ``find()`` is asked when nobody knows it yet.

    Outside such a run it is always asked.
    """
    memo = env.context.get("referral_memo")
    if not isinstance(memo, Memo):
        return find()
    if question not in memo:
        memo[question] = find()
    return memo[question]
