from datetime import timedelta

from odoo import Command, api, fields, models

from ..story import payouts as story


class ReferralDemo(models.AbstractModel):
    """Rewards in money, from the plan to the bank (rules C4, C6, C7).

    One colleague submits, another one approves, a third one pays. At the end, there is
    a settlement at each step, and a refund that one of them keeps waiting.
    """

    _inherit = "referral.demo"

    @api.model
    def _make_partner_plan(self, staff):
        """What is agreed with partner channels is settled week by week."""
        english, chinese = story.PLAN
        plan = self.env["referral.plan"].create(
            {
                "name": english,
                "kind": "partner",
                "settlement_mode": "week",
                "payout_minimum": story.MINIMUM,
                "rule_ids": [
                    Command.create(
                        {
                            "name": name,
                            "trigger": trigger,
                            "beneficiary": "channel_partner",
                            "rate_type": "terms",
                            "currency_id": self.env.company.currency_id.id,
                        }
                    )
                    for trigger, name, _chinese in story.RULES
                ],
            }
        )
        self._translate(plan, name=chinese)
        for rule, (_trigger, _name, name) in zip(
            plan.rule_ids, story.RULES, strict=True
        ):
            self._translate(rule, name=name)
        plan.with_user(staff["manager"]).action_activate()

    def _list_steps(self, scene):
        yield from super()._list_steps(scene)
        for grant in story.GRANTS:
            yield grant.age, self._grant_money, scene, grant
        for run in story.RUNS:
            yield run.age, self._settle, scene, run
        yield story.REFUND[-1], self._refund, scene

    @api.model
    def _make_bank_accounts(self, members):
        for key, bank, number in story.BANKS:
            account = self.env["res.partner.bank"].create(
                {
                    "partner_id": members[key].id,
                    "acc_number": number,
                    "bank_id": self.env["res.bank"].create({"name": bank}).id,
                }
            )
            account.allow_out_payment = True

    def _grant_money(self, scene, told):
        """Rewarded by hand, in money, for the member's best contract."""
        staff, member = scene["staff"], scene["members"][told.member]
        order = self.env["sale.order"].search(
            [("referrer_id", "=", member.id), ("referral_state", "=", "confirmed")],
            order="amount_total desc",
            limit=1,
        )
        grants = self.env["referral.commission.grant"].with_user(staff["manager"])
        grant = grants.create(
            {
                "partner_id": member.id,
                "order_id": order.id,
                "amount": told.amount,
                "reason": told.reason,
            }
        )
        grant.action_submit()
        grant.with_user(staff["controller"]).action_approve()

    def _settle(self, scene, run):
        """Finance settles what is due; each settlement goes as far as it is told."""
        staff, members = scene["staff"], scene["members"]
        settlements = self.env["referral.settlement"].with_user(staff["finance"])
        drafts = settlements.search(settlements.action_run()["domain"])
        for key, reach in run.reach.items():
            mine = drafts.filtered(lambda one: one.partner_id == members[key])  # noqa: B023
            if reach >= story.SUBMITTED:
                mine.action_submit()
            if reach >= story.APPROVED:
                mine.with_user(staff["controller"]).action_approve()
            if reach >= story.PAID:
                self._pay(mine.with_user(staff["cashier"]))

    def _pay(self, settlements):
        action = settlements.action_open_pay()
        wizard = settlements.env[action["res_model"]].with_context(**action["context"])
        wizard.create({"payment_date": fields.Date.today()}).action_pay()

    def _refund(self, scene):
        """A part of a contract is credited while its reward waits for approval."""
        request, service, share, _age = story.REFUND
        finance = scene["staff"]["finance"]
        order = self.env["sale.order"].search(
            [
                ("opportunity_id.name", "like", request),
                ("order_line.product_id", "=", scene["services"][service].id),
            ]
        )
        wizard = self.env["account.move.reversal"].with_user(finance)
        wizard = wizard.with_context(
            active_model="account.move", active_ids=order.invoice_ids.ids
        ).create(
            {
                "reason": story.REFUND_REASON,
                "journal_id": order.invoice_ids.journal_id.id,
            }
        )
        wizard.refund_moves()
        credit = wizard.new_move_ids
        credit.invoice_line_ids.quantity = share
        credit.action_post()
        self.env["referral.true.up"].search([]).with_user(finance).action_retry()

    @api.model
    def _agree_rates(self, staff, members):
        """What is agreed with one person holds from its first day."""
        today = self.env.company._referral_today()
        rates = self.env["referral.rate"].with_user(staff["manager"])
        customers = self.env["res.partner"].search([("is_company", "=", True)])
        by_name = {customer.name: customer for customer in customers}
        for told in story.RATES:
            rates.create(
                {
                    "partner_id": members[told.member].id,
                    "customer_id": told.customer and by_name[told.customer].id,
                    "level": told.level,
                    "rate": told.rate,
                    "date_from": today + timedelta(days=told.start),
                    "date_to": told.end is not None
                    and today + timedelta(days=told.end),
                }
            )
