from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from odoo.addons.referral_distribution.models import gate

BATCH = 1000


def migrate(cr, version):
    """Rewards given in whole know what they were a whole of; see ``full_amount``.

    Contracts whose money went back before stay confirmed, and their rewards given:
    nothing was taken back then. They wait in *Rewards to Correct*, where no job takes
    them up, until finance does (rule C7).
    """
    cr.execute(
        SQL(
            "UPDATE referral_commission reward SET full_amount = reward.amount,"
            "  contract_amount = contract.amount_total"
            " FROM sale_order contract"
            " WHERE contract.id = reward.order_id AND reward.trigger = 'contract'"
            "  AND reward.reverses_id IS NULL AND reward.full_amount IS NULL"
        )
    )
    cr.execute(
        SQL(
            "UPDATE sale_order SET referral_was_confirmed = TRUE"
            " WHERE referral_decision = 'confirmed'"
            "  AND referral_was_confirmed IS NOT TRUE"
        )
    )
    env = api.Environment(cr, SUPERUSER_ID, {})
    suspects = _query_suspects(env)
    for start in range(0, len(suspects), BATCH):
        _put_in_line(env["sale.order"].browse(suspects[start : start + BATCH]))
        env.flush_all()
        env.invalidate_all()


def _query_suspects(env):
    """Return the ids of confirmed contracts with a document that is not just paid."""
    rows = env.execute_query(
        SQL(
            """
            SELECT DISTINCT contract.id FROM sale_order contract
            JOIN sale_order_line line ON line.order_id = contract.id
            JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = line.id
            JOIN account_move_line billed ON billed.id = rel.invoice_line_id
            JOIN account_move document ON document.id = billed.move_id
            WHERE contract.referral_decision = 'confirmed' AND contract.state = 'sale'
                AND (document.move_type <> 'out_invoice' OR document.state <> 'posted'
                    OR document.payment_state <> 'paid')
                AND NOT EXISTS (SELECT FROM referral_true_up task
                    WHERE task.order_id = contract.id)
            ORDER BY contract.id
            """
        )
    )
    return [order_id for [order_id] in rows]


def _put_in_line(orders):
    """Queue those that are not paid in full any more."""
    orders._fetch_referral_documents()
    tasks = gate.opened(orders.env["referral.true.up"])
    for order in orders:
        _received, paid = order._get_referral_receipts()
        if paid:
            continue
        moves = order._get_referral_invoices()
        credits = moves.filtered(lambda move: move.move_type == "out_refund")
        tasks.create(
            {
                "order_id": order.id,
                "company_id": order.company_id.id,
                "event": "credit" if credits else "payment",
                "document": (credits or moves or order)[-1:].name,
            }
        )
