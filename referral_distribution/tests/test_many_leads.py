from .common import ReferralCase


class TestManyLeads(ReferralCase):
    """Mass actions write trails and rewards together, not lead by lead."""

    def _make_leads(self, count):
        return self.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "partner_name": f"Company {number} of {count}",
                    "email_from": f"a@{count}-{number}.example",
                    "referral_link_id": self.link.id,
                }
                for number in range(count)
            ]
        )

    def _count(self, step, *args):
        """Return what a step returns, and how many queries it took."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        result = step(*args)
        self.env.flush_all()
        return result, self.env.cr.sql_log_count - before

    def test_births_of_many_write_their_trails_together(self):
        _few, few = self._count(self._make_leads, 2)
        leads, many = self._count(self._make_leads, 22)
        self.assertLessEqual(many - few, 20)  # Odoo's own look for each one's stage
        for lead in leads:
            self.assertEqual(self.nodes(lead), ["shared", "clicked", "created"])
        self.assertEqual(self.env["referral.trail.entry"]._verify(leads), [])

    def test_rewards_of_many_are_written_to_their_trails_together(self):
        leads = self._make_leads(24).with_user(self.sales)
        _done, few = self._count(leads[:2].action_referral_validate)
        _done, many = self._count(leads[2:].action_referral_validate)
        # the plan, what stands, the new line and its currency
        self.assertLessEqual(many - few, 20 * 4)
        for lead in leads:
            self.assertRewards(lead, [(self.member, 0, 10.0)])
            self.assertEqual(self.nodes(lead)[-2:], ["validated", "rewarded"])
        self.assertEqual(self.env["referral.trail.entry"]._verify(leads), [])

    def test_a_lead_named_twice_is_rewarded_once(self):
        lead = self._make_leads(1)
        twice = lead.browse(lead.ids * 2).with_user(self.sales)
        twice.action_referral_validate()
        self.assertRewards(lead, [(self.member, 0, 10.0)])
