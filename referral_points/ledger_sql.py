"""The statements of the points ledger.

Set-based, one function each; :class:`ReferralWallet` is their only caller. What they
write is never pending in the ORM (wallets and entries refuse ORM writes), so there is
nothing to flush before they read.
"""

from typing import NamedTuple

from odoo.tools import SQL


class KnownEntry(NamedTuple):
    """What an idempotency key stands for."""

    entry_id: int
    input_hash: str


def find_wallets(env, pairs):
    """Return ``{(partner id, company id): wallet id}`` of those that exist."""
    partners, companies = zip(*pairs, strict=True) if pairs else ((), ())
    rows = env.execute_query(
        SQL(
            "SELECT w.partner_id, w.company_id, w.id FROM referral_wallet w"
            " JOIN unnest(%s::int[], %s::int[]) AS wanted (partner_id, company_id)"
            " USING (partner_id, company_id)",
            list(partners),
            list(companies),
        )
    )
    return {(partner, company): wallet for partner, company, wallet in rows}


def open_wallets(env, pairs):
    """Insert empty wallets; return ``{(partner id, company id): wallet id}``.

    A wallet that another transaction opened after this one's snapshot makes
    PostgreSQL report a serialization failure, which Odoo answers by trying again.
    """
    partners, companies = zip(*pairs, strict=True)
    rows = env.execute_query(
        SQL(
            "INSERT INTO referral_wallet (partner_id, company_id, balance, held,"
            " create_uid, write_uid, create_date, write_date)"
            " SELECT partner_id, company_id, 0, 0, %(uid)s, %(uid)s, %(now)s, %(now)s"
            " FROM unnest(%(partners)s::int[], %(companies)s::int[])"
            " AS wanted (partner_id, company_id)"
            " ON CONFLICT (partner_id, company_id) DO NOTHING"
            " RETURNING partner_id, company_id, id",
            uid=env.uid,
            now=env.cr.now(),
            partners=list(partners),
            companies=list(companies),
        )
    )
    return {(partner, company): wallet for partner, company, wallet in rows}


def find_entries(env, keys):
    """Return ``{idempotency key: KnownEntry}`` of the keys that were used."""
    rows = env.execute_query(
        SQL(
            "SELECT idempotency_key, id, input_hash FROM referral_wallet_entry"
            " WHERE idempotency_key = ANY(%s::varchar[])",
            list(keys),
        )
    )
    return {key: KnownEntry(entry_id, digest) for key, entry_id, digest in rows}


def find_open_holds(env, hold_ids):
    """Return ``{hold id: (wallet id, points)}`` of those that nothing ended yet."""
    rows = env.execute_query(
        SQL(
            "SELECT id, wallet_id, points FROM referral_wallet_entry hold"
            " WHERE id = ANY(%s::int[]) AND entry_type = 'hold' AND NOT EXISTS ("
            "   SELECT 1 FROM referral_wallet_entry WHERE hold_id = hold.id)",
            list(hold_ids),
        )
    )
    return {hold_id: (wallet_id, points) for hold_id, wallet_id, points in rows}


# The wallet row is the one serialization point (ledger rule 1): it is locked, judged
# and moved in this one statement, so no snapshot can hide a concurrent spend. The
# verdict covers the whole batch: if one wallet cannot pay, no wallet moves.
_APPLY = """
WITH posting AS (
    SELECT *,
        sum(balance_change) OVER so_far AS balance_run,
        sum(held_change) OVER so_far AS held_run
    FROM unnest(
        %(wallet_id)s::int[], %(entry_type)s::varchar[], %(points)s::numeric[],
        %(balance_change)s::numeric[], %(held_change)s::numeric[],
        %(needs_funds)s::boolean[], %(idempotency_key)s::varchar[],
        %(input_hash)s::varchar[], %(origin_ref)s::varchar[], %(note)s::varchar[],
        %(hold_id)s::int[]
    ) WITH ORDINALITY AS given (
        wallet_id, entry_type, points, balance_change, held_change, needs_funds,
        idempotency_key, input_hash, origin_ref, note, hold_id, position)
    WINDOW so_far AS (PARTITION BY wallet_id ORDER BY position)
), total AS (
    SELECT wallet_id, sum(balance_change) AS balance_change,
        sum(held_change) AS held_change,
        min(balance_run - held_run) FILTER (WHERE needs_funds) AS lowest
    FROM posting GROUP BY wallet_id
), locked AS (
    SELECT id, balance, held FROM referral_wallet
    WHERE id IN (SELECT wallet_id FROM total) ORDER BY id FOR NO KEY UPDATE
), verdict AS (
    SELECT bool_and(
        locked.id IS NOT NULL AND (lowest IS NULL OR balance - held + lowest >= 0)
    ) AS all_can_pay FROM total LEFT JOIN locked ON locked.id = total.wallet_id
), moved AS (
    UPDATE referral_wallet wallet
    SET balance = wallet.balance + total.balance_change,
        held = wallet.held + total.held_change
    FROM total JOIN locked ON locked.id = total.wallet_id
    WHERE wallet.id = locked.id AND (SELECT all_can_pay FROM verdict)
    RETURNING wallet.id, wallet.balance - total.balance_change AS balance,
        wallet.held - total.held_change AS held
)
INSERT INTO referral_wallet_entry (
    wallet_id, entry_type, points, balance_change, held_change, balance_after,
    held_after, idempotency_key, input_hash, origin_ref, note, hold_id,
    posted_at, posted_by_id)
SELECT wallet_id, entry_type, points, balance_change, held_change,
    moved.balance + balance_run, moved.held + held_run, idempotency_key, input_hash,
    origin_ref, note, hold_id, %(now)s, %(uid)s
FROM posting JOIN moved ON moved.id = posting.wallet_id
ORDER BY position
RETURNING idempotency_key, id
"""


_COLUMNS = (
    "wallet_id",
    "entry_type",
    "points",
    "balance_change",
    "held_change",
    "needs_funds",
    "idempotency_key",
    "input_hash",
    "origin_ref",
    "note",
    "hold_id",
)


def apply(env, postings):
    """Move the wallets and write the entries.

    :param postings: list of ``ledger.Posting`` with new keys.
    :return: ``{idempotency key: entry id}``; empty, and nothing is written, when a
        wallet cannot pay.
    """
    arrays = {
        name: [getattr(posting, name) for posting in postings] for name in _COLUMNS
    }
    return dict(env.execute_query(SQL(_APPLY, now=env.cr.now(), uid=env.uid, **arrays)))


_PROBLEMS = """
WITH entry AS (
    SELECT id, wallet_id, entry_type, points, hold_id, balance_after, held_after,
        balance_change + lag(balance_after, 1, 0) OVER history AS balance_expected,
        held_change + lag(held_after, 1, 0) OVER history AS held_expected
    FROM referral_wallet_entry WHERE wallet_id = ANY(%(wallets)s::int[])
    WINDOW history AS (PARTITION BY wallet_id ORDER BY id)
), summed AS (
    SELECT wallet_id, sum(balance_change) AS balance, sum(held_change) AS held
    FROM referral_wallet_entry WHERE wallet_id = ANY(%(wallets)s::int[])
    GROUP BY wallet_id
)
SELECT wallet.id, NULL::int, 'sum'
FROM referral_wallet wallet LEFT JOIN summed ON summed.wallet_id = wallet.id
WHERE wallet.id = ANY(%(wallets)s::int[]) AND (wallet.balance, wallet.held)
    <> (COALESCE(summed.balance, 0), COALESCE(summed.held, 0))
UNION ALL
SELECT wallet_id, id, 'running' FROM entry
WHERE (balance_after, held_after) <> (balance_expected, held_expected)
UNION ALL
SELECT entry.wallet_id, entry.id, 'hold'
FROM entry JOIN referral_wallet_entry hold ON hold.id = entry.hold_id
WHERE (hold.entry_type, hold.wallet_id, hold.points)
    <> ('hold', entry.wallet_id, entry.points)
ORDER BY 1, 2 NULLS FIRST, 3
"""


def find_problems(env, wallet_ids):
    """Return what :meth:`ReferralWallet._verify` promises."""
    rows = env.execute_query(SQL(_PROBLEMS, wallets=list(wallet_ids)))
    return [
        {"wallet_id": wallet_id, "entry_id": entry_id, "problem": problem}
        for wallet_id, entry_id, problem in rows
    ]
