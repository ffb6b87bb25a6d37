from odoo import api, models

# asked by, amount, reason, finance's answer
GRANTS = (
    ("manager", 500, "促成客户决策人到场洽谈", "approved"),
    ("manager", 300, "协助验收并提供客户案例", "refused"),
    ("finance", 200, "为客户组织线下沙龙", "submitted"),
)
REFUSAL = "验收属于合同服务内容，方案已有奖励。"


class ReferralDemo(models.AbstractModel):
    _inherit = "referral.demo"

    @api.model
    def _grant_by_hand(self, staff):
        """Rewards for what no rule covers, one at each step, for the best contract.

        They come last, today, so that the contract's history stays in order.
        """
        order = self.env["sale.order"].search(
            [("referral_state", "=", "confirmed")], order="amount_total desc", limit=1
        )
        points = self.env.ref("referral_points.currency_pts")
        for who, amount, reason, answer in GRANTS:
            grants = self.env["referral.commission.grant"].with_user(staff[who])
            grant = grants.create(
                {
                    "partner_id": order.referrer_id.id,
                    "order_id": order.id,
                    "amount": amount,
                    "currency_id": points.id,
                    "reason": reason,
                }
            )
            grant.action_submit()
            decider = grant.with_user(staff["controller"])
            if answer == "approved":
                decider.action_approve()
            elif answer == "refused":
                decider.action_refuse(REFUSAL)

    @api.model
    def _simulate_draft(self, staff):
        """A draft that gives more for first contracts, over the story's contracts."""
        plan = self.env["referral.plan"]._get_active(self.env.company)
        draft = plan.with_user(staff["manager"]).copy({"name": "Spring campaign"})
        draft.with_context(lang="zh_CN").name = "春季推广方案"
        first = draft.rule_ids.filtered(lambda rule: rule.phase == "first")
        first.write({"rate": 0.8})
        simulations = self.env["referral.simulation"].with_user(staff["manager"])
        simulations.create({"plan_id": draft.id}).action_start()
