from odoo import api, models

PLAN = "referral_points.plan_points"


class ReferralPlan(models.Model):
    _inherit = "referral.plan"

    @api.model
    def _referral_setup_points_plan(self):
        """Put the default plan in force, unless the main company has plans of its own.

        First share of a day 1 point (S5), valid lead 10 points (L2), first contract
        0.5 % (C1), later ones 1 % (C2), the inviter 10 % of the member's reward on
        contracts (M4), and channel partners what was agreed with them, in money (S4).
        The records get XML ids, by which their names are translated.
        """
        company = self.env["res.company"]._get_main_company()
        if self.search_count([("company_id", "=", company.id)], limit=1):
            return
        vals = {"name": "Points plan", "company_id": company.id}
        plan = self._load_records([{"xml_id": PLAN, "values": vals, "noupdate": True}])
        self.env["referral.plan.rule"]._load_records(
            [
                {
                    "xml_id": f"{PLAN}_{name}",
                    "values": {**vals, "plan_id": plan.id},
                    "noupdate": True,
                }
                for name, vals in self._prepare_points_rules().items()
            ]
        )
        plan._activate()

    @api.model
    def _prepare_share_rules(self, points):
        """Return the rule for the first share of a day (rule S5)."""
        return {
            "share": {
                "name": "First share of the day",
                "sequence": 5,
                "trigger": "share",
                "rate_type": "fixed",
                "amount": 1.0,
                "currency_id": points.id,
            }
        }

    @api.model
    def _prepare_points_rules(self):
        """Return ``{name of the XML id: values}`` of the default rules."""
        points = self.env.ref("referral_points.currency_pts")
        contract = {"trigger": "contract", "currency_id": points.id}
        return {
            **self._prepare_share_rules(points),
            "lead": {
                "name": "Valid lead",
                "sequence": 10,
                "trigger": "lead_valid",
                "rate_type": "fixed",
                "amount": 10.0,
                "currency_id": points.id,
            },
            "first": {
                **contract,
                "name": "First contract",
                "sequence": 20,
                "phase": "first",
                "rate": 0.5,
            },
            "repeat": {
                **contract,
                "name": "Second and later contracts",
                "sequence": 30,
                "phase": "repeat",
                "rate": 1.0,
            },
            "inviter": {
                **contract,
                "name": "Inviter's share",
                "sequence": 40,
                "level": 1,
                "base": "member_reward",
                "rate": 10.0,
            },
            **self._prepare_channel_rules(),
        }

    @api.model
    def _prepare_channel_rules(self):
        """Return the rules that pay channel partners as agreed, in money (rule S4)."""
        agreed = {
            "beneficiary": "channel_partner",
            "rate_type": "terms",
            "currency_id": self.env["res.company"]._get_main_company().currency_id.id,
        }
        return {
            "channel_lead": {
                **agreed,
                "name": "Valid lead of a partner channel",
                "sequence": 50,
                "trigger": "lead_valid",
            },
            "channel_deal": {
                **agreed,
                "name": "Contract from a partner channel",
                "sequence": 60,
                "trigger": "contract",
            },
        }
