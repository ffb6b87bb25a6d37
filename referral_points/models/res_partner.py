from odoo import models
from odoo.fields import Domain
from odoo.tools import formatLang

from odoo.addons.referral_distribution.models.res_partner_export import iso


class ResPartner(models.Model):
    """A person's points, as personal data: exported, and settled before erasure."""

    _inherit = "res.partner"

    def _prepare_personal_data(self):
        return {
            **super()._prepare_personal_data(),
            "points": [self._prepare_wallet_data(wallet) for wallet in self._wallets()],
            "redemptions": self._prepare_redemption_data(),
            "privileges": self._prepare_privilege_data(),
        }

    def _wallets(self):
        return self.env["referral.wallet"].search(self._get_export_domain())

    def _prepare_wallet_data(self, wallet):
        return {
            "company": wallet.company_id.name,
            "balance": f"{wallet.balance:.2f}",
            "held": f"{wallet.held:.2f}",
            "entries": [
                {
                    "posted_at": iso(entry.posted_at),
                    "kind": entry.entry_type,
                    "points": f"{entry.points:.2f}",
                    "balance_after": f"{entry.balance_after:.2f}",
                    "reason": entry.reason or None,
                }
                for entry in wallet.entry_ids
            ],
        }

    def _prepare_redemption_data(self):
        redemptions = self.env["referral.redemption"].search(self._get_export_domain())
        return [
            {
                "number": redemption.name,
                "reward": redemption.reward_id.name,
                "quantity": redemption.quantity,
                "points": f"{redemption.points:.2f}",
                "state": redemption.state,
                "made_at": iso(redemption.create_date),
                "reason": redemption.refuse_reason or None,
            }
            for redemption in redemptions
        ]

    def _prepare_privilege_data(self):
        privileges = self.env["referral.privilege"].search(self._get_export_domain())
        return [
            {
                "privilege": privilege.reward_id.name,
                "from": iso(privilege.date_start),
                "to": iso(privilege.date_end),
            }
            for privilege in privileges
        ]

    def _get_money_obstacles(self):
        """Requests under way need a name to deliver to; a debt needs who owes it."""
        obstacles = super()._get_money_obstacles()
        requests = self.env["referral.redemption"].search_count(
            [("partner_id", "=", self.id), ("state", "in", ("submitted", "approved"))]
        )
        if requests:
            obstacles.append(
                self.env._("Redemptions under way: %(count)s.", count=requests)
            )
        debts = self.env["referral.wallet"].search(
            [("partner_id", "=", self.id), ("balance", "<", 0)]
        )
        if debts:
            owed = formatLang(self.env, -sum(debts.mapped("balance")))
            obstacles.append(self.env._("Points owed: %(points)s.", points=owed))
        return obstacles

    def _get_unbilled_order_domain(self):
        """Goods that points were redeemed for are paid with them: without invoice."""
        domain = super()._get_unbilled_order_domain()
        redeemed = self.env["referral.redemption"].search(
            [("partner_id", "=", self.id), ("order_id", "!=", False)]
        )
        return domain & Domain("id", "not in", redeemed.order_id.ids)

    def _get_erasure_notices(self):
        notices = super()._get_erasure_notices()
        wallets = self.env["referral.wallet"].search(
            [("partner_id", "=", self.id), ("balance", ">", 0)]
        )
        if wallets:
            left = formatLang(self.env, sum(wallets.mapped("balance")))
            notices.append(
                self.env._(
                    "Points that can no longer be redeemed: %(points)s.", points=left
                )
            )
        return notices

    def _get_traced_domains(self):
        own = Domain("partner_id", "=", self.id)
        return {**super()._get_traced_domains(), "referral.redemption": own}
