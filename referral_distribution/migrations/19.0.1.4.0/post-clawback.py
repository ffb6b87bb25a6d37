from odoo.tools import SQL


def migrate(cr, version):
    """Rewards given in whole know what they were a whole of; see ``full_amount``."""
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
