from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..models import gate
from .channels import ChannelCase


@tagged("post_install", "-at_install")
class TestTerms(ChannelCase):
    """On partner channels members earn nothing, the partner as agreed (rule S4)."""

    def validate(self, lead):
        lead.with_user(self.sales).action_referral_validate()

    def test_a_valid_lead_earns_the_partner_its_fee_once(self):
        lead = self.make_club_lead()
        self.validate(lead)
        self.validate(lead)
        self.assertRewards(lead, [(self.partner, 0, 200.0)])
        line = lead.referral_commission_ids
        self.assertEqual(line.channel_id, self.club)
        self.assertIn("for a valid lead, as agreed", line.explanation_text)

    def test_a_contract_earns_the_partner_its_share(self):
        order = self.make_paid_contract(self.make_club_lead(), amount=50000)
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.partner, 0, 1500.0)])
        self.assertIn("× 3 %", order.referral_commission_ids.explanation_text)

    def test_each_kind_of_terms_pays_what_it_says(self):
        for terms, expected in (
            ("per_lead", [200.0]),
            ("deal_share", [30.0]),
            ("both", [200.0, 30.0]),
            ("free", []),
        ):
            self.club.terms = terms
            lead = self.make_club_lead()
            self.validate(lead)
            customer = self.env["res.partner"].create({"name": terms})
            order = self.make_paid_contract(lead, 1000, partner_id=customer.id)
            order.with_user(self.finance).action_referral_confirm()
            with self.subTest(terms):
                lines = lead.referral_commission_ids | order.referral_commission_ids
                self.assertEqual(lines.sorted("id").mapped("amount"), expected)
                self.assertLessEqual(lines.partner_id, self.partner)

    def test_out_of_period_nothing_is_paid(self):
        for period in (
            {"date_from": "2026-03-03"},
            {"date_from": "2025-01-01", "date_to": "2026-03-01"},
        ):
            self.club.write(period)
            lead = self.make_club_lead()
            self.validate(lead)
            with self.subTest(period):
                self.assertRewards(lead, [])

    def test_before_and_after_the_cooperation_nothing_is_paid(self):
        """Whatever its dates say: it may have ended early."""
        self.club.stage = "ended"
        for stage in ("ended", "negotiating", "prospect"):
            self.club.stage = stage
            lead = self.make_lead(
                referral_link_id=False,
                referrer_id=self.partner.id,
                referral_channel_id=self.club.id,
            )
            order = self.make_contract(lead, 1000)
            with self.subTest(stage):
                self.assertEqual(lead.referral_lead_fee, 0)
                self.assertEqual(order.sudo().referral_deal_share, 0)

    def test_the_day_is_the_companys(self):
        self.club.date_to = "2026-03-02"
        with self.at("2026-03-02 15:59:00"):
            last = self.make_club_lead()
        with self.at("2026-03-02 16:01:00"):
            late = self.make_club_lead()
        self.assertEqual((last.referral_lead_fee, late.referral_lead_fee), (200, 0))

    def test_an_open_end_is_until_further_notice(self):
        self.club.date_to = False
        with self.at("2031-01-01 04:00:00"):
            self.assertEqual(self.make_club_lead().referral_lead_fee, 200)

    def test_a_lead_keeps_the_fee_of_the_day_it_came_in(self):
        """Sales takes its time; a new agreement reaches back to nobody."""
        lead = self.make_club_lead()
        self.club.write({"lead_fee": 5, "date_from": "2026-03-03"})
        self.club.stage = "ended"
        self.validate(lead)
        self.assertRewards(lead, [(self.partner, 0, 200.0)])

    def test_a_contract_keeps_the_share_of_the_day_it_was_signed(self):
        """Threat F5."""
        order = self.make_paid_contract(self.make_club_lead(), amount=1000)
        self.club.write({"deal_share": 50, "terms": "deal_share"})
        self.club.stage = "ended"
        order.referral_lead_id.sudo().referral_channel_id = self.channel
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.partner, 0, 30.0)])

    def test_a_cancelled_contract_forgets_the_terms_and_is_signed_anew(self):
        order = self.make_contract(self.make_club_lead(), amount=1000)
        order._action_cancel()
        self.assertRecordValues(
            order.sudo(), [{"referral_channel_id": False, "referral_deal_share": 0}]
        )
        self.club.deal_share = 4
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.sudo().referral_deal_share, 4)

    def test_later_contracts_of_an_online_customer_keep_the_channel(self):
        """Without a lead, only the first contract tells how the customer came."""
        first = self.make_order(amount=1000)
        gate.opened(first.sudo()).write(
            {"referral_link_id": self.club_link.id, "referrer_id": self.partner.id}
        )
        first.action_confirm()
        later = self.make_paid_contract(self.env["crm.lead"], 2000)
        later.with_user(self.finance).action_referral_confirm()
        self.assertRewards(later, [(self.partner, 0, 60.0)])

    def test_on_a_prospects_channel_members_earn_nothing_either(self):
        """A partner channel nobody is paid for yet is no way around the rule."""
        link = self.env["referral.link"]._obtain(self.member, self.prospect, "/")
        lead = self.make_lead(referral_link_id=link.id)
        self.validate(lead)
        self.assertRewards(lead, [])
        order = self.make_paid_contract(lead)
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [])

    def test_a_fee_in_foreign_currency_is_converted_at_the_rate_of_that_day(self):
        foreign = self.env["res.currency"].create(
            {
                "name": "XTS",
                "symbol": "X",
                "rate_ids": [
                    (0, 0, {"name": "2026-01-01", "rate": 0.5}),
                    (0, 0, {"name": "2026-03-03", "rate": 0.1}),
                ],
            }
        )
        self.club.currency_id = foreign
        lead = self.make_club_lead()
        with self.at("2026-03-05 04:00:00"):
            self.validate(lead)
        self.assertRewards(lead, [(self.partner, 0, 400.0)])

    def test_nobody_writes_a_fee_or_share_but_the_terms(self):
        lead, order = self.make_club_lead(), self.make_contract(self.make_club_lead())
        for record, vals in (
            (lead, {"referral_lead_fee": 9999}),
            (lead, {"referral_fee_currency_id": self.currency.id}),
            (order, {"referral_deal_share": 99}),
            (order, {"referral_channel_id": self.channel.id}),
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                record.with_user(self.manager).write(vals)
        leads = self.env["crm.lead"].with_user(self.sales)
        with self.assertRaises(AccessError):
            leads.create({"name": "x", "referral_lead_fee": 9999})
        leads = leads.with_context(default_referral_lead_fee=9999)
        self.assertFalse(leads.default_get(["referral_lead_fee"]))
        lead = leads.create({"name": "x"})
        self.assertEqual(lead.sudo().referral_lead_fee, 0)

    def test_the_channel_of_a_valid_lead_stays(self):
        lead = self.make_club_lead()
        self.validate(lead)
        with self.assertRaisesRegex(UserError, "rewarded by its channel"):
            lead.with_user(self.sales).referral_channel_id = self.channel
        open_lead = self.make_club_lead()
        open_lead.with_user(self.sales).referral_channel_id = self.channel
        self.assertEqual(open_lead.referral_lead_fee, 0)

    def test_a_rule_as_agreed_is_for_channel_partners(self):
        for values in (
            {"beneficiary": "member"},
            {"level": 1},
            {"base": "member_reward", "level": 1},
        ):
            rule = {"name": "T", "rate_type": "terms", "beneficiary": "channel_partner"}
            with self.subTest(values), self.assertDatabaseRefuses():
                self.make_plan([{**rule, **values}])

    def test_a_lead_is_paid_fixed_or_as_agreed_and_never_by_a_rate(self):
        with self.assertRaisesRegex(ValidationError, "has no amount"):
            self.make_plan([{"name": "T", "trigger": "lead_valid", "rate": 1}])

    def test_a_plan_without_such_a_rule_is_said_on_the_channel(self):
        self.assertFalse(self.club.unpaid_terms)
        self.make_plan()._activate()
        self.env.invalidate_all()
        self.assertTrue(self.club.unpaid_terms)
        self.club.terms = "free"
        self.assertFalse(self.club.unpaid_terms)
