from datetime import timedelta

from odoo.tests import tagged

from odoo.addons.referral_distribution.models import gate

from .holds import HoldCase


@tagged("post_install", "-at_install")
class TestSelfReferral(HoldCase):
    """Who asks looks like who brought the lead (threat I2)."""

    def test_a_lead_of_somebody_else_is_not_held(self):
        self.member.write({"email": "m@own.example", "phone": "+86 138 0013 8000"})
        lead = self.make_lead(email_from="x@else.example", phone="+86 139 1234 5678")
        self.assertHeld(lead)
        self.assertEqual(lead.referral_hold_state, "none")
        self.assertNotIn("held", self.nodes(lead))

    def test_the_members_mailbox_with_a_tag_holds_the_lead(self):
        self.member.email = "m@own.example"
        lead = self.make_lead(email_from="M+test@Own.example")
        self.assertHeld(lead, "self_referral")
        [text] = self.explanations(lead)
        self.assertEqual(
            text, "The same e-mail and company as the member who brought it."
        )

    def test_the_members_phone_in_another_spelling_holds_the_lead(self):
        self.member.phone = "+86 138 0013 8000"
        self.assertHeld(self.make_lead(phone="0086 (138) 0013-8000"), "self_referral")

    def test_the_member_as_the_customer_holds_the_lead(self):
        self.assertHeld(self.make_lead(partner_id=self.member.id), "self_referral")

    def test_the_members_company_holds_the_lead(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.member.parent_id = firm
        boss = self.env["res.partner"].create({"name": "Boss", "parent_id": firm.id})
        self.assertHeld(self.make_lead(partner_id=boss.id), "self_referral")

    def test_a_mailbox_of_the_members_company_holds_the_lead(self):
        self.member.email = "m@own.example"
        self.assertHeld(self.make_lead(email_from="boss@own.example"), "self_referral")

    def test_two_mailboxes_of_one_provider_are_two_people(self):
        self.member.email = "m@gmail.com"
        self.assertHeld(self.make_lead(email_from="boss@gmail.com"))

    def test_the_members_bank_account_holds_the_lead(self):
        friend = self.env["res.partner"].create({"name": "Friend"})
        for partner, number in ((self.member, "6222 0200"), (friend, "62220200")):
            self.env["res.partner.bank"].create(
                {"partner_id": partner.id, "acc_number": number}
            )
        self.assertHeld(self.make_lead(partner_id=friend.id), "self_referral")


@tagged("post_install", "-at_install")
class TestDuplicates(HoldCase):
    """The company has had this lead (threat L1, rule L5)."""

    def test_the_same_mailbox_with_a_tag_is_a_duplicate(self):
        first = self.make_lead(email_from="wang@buyer.example")
        second = self.make_lead(email_from=" Wang+2@BUYER.example ")
        self.assertHeld(first)
        self.assertHeld(second, "duplicate")
        self.assertEqual(
            self.explanations(second),
            ["The same company domain and e-mail as “A lead”."],
        )

    def test_dots_of_a_mailbox_that_ignores_them_make_no_difference(self):
        self.make_lead(email_from="w.wang@gmail.com")
        second = self.make_lead(email_from="wwang+x@googlemail.com")
        self.assertHeld(second, "duplicate")

    def test_the_same_phone_in_another_form_is_a_duplicate(self):
        self.make_lead(phone="+86 138 0013 8000")
        for phone in ("0086-138-0013-8000", "13800138000", "(+86)13800138000"):
            with self.subTest(phone=phone):
                self.assertHeld(self.make_lead(phone=phone), "duplicate")

    def test_numbers_that_end_alike_are_different(self):
        self.make_lead(phone="+86 138 0013 8000")
        self.assertHeld(self.make_lead(phone="+86 139 0013 8000"))

    def test_the_same_company_domain_is_a_duplicate_but_no_providers(self):
        self.make_lead(email_from="wang@buyer.example")
        self.assertHeld(self.make_lead(email_from="li@buyer.example"), "duplicate")
        self.make_lead(email_from="wang@qq.com")
        self.assertHeld(self.make_lead(email_from="li@qq.com"))

    def test_the_same_customer_is_a_duplicate(self):
        self.make_lead(partner_id=self.customer.id)
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        self.assertHeld(self.make_lead(partner_id=contact.id), "duplicate")

    def test_a_lead_that_sales_had_without_any_member_counts(self):
        self.env["crm.lead"].create({"name": "Cold", "email_from": "a@buyer.example"})
        self.assertHeld(self.make_lead(email_from="a@buyer.example"), "duplicate")

    def test_a_lost_lead_counts(self):
        self.make_lead(email_from="a@buyer.example").action_set_lost()
        self.assertHeld(self.make_lead(email_from="a@buyer.example"), "duplicate")

    def test_another_companys_leads_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        vals = {"name": "X", "email_from": "a@buyer.example", "company_id": other.id}
        self.env["crm.lead"].create(vals)
        lead = self.make_lead(email_from="a@buyer.example", company_id=self.company.id)
        self.assertHeld(lead)

    def test_a_lead_that_becomes_another_is_looked_at_again(self):
        self.make_lead(email_from="a@buyer.example", phone="+86 138 0013 8000")
        for values in (
            {"email_from": "a+x@buyer.example"},
            {"phone": "13800138000"},
        ):
            lead = self.make_lead(name="Fresh")
            self.assertHeld(lead)
            lead.with_user(self.sales).write(values)
            self.assertHeld(lead, "duplicate")

    def test_a_later_lead_that_was_found_valid_makes_the_earlier_one_a_duplicate(self):
        first = self.make_lead(email_from="a@buyer.example")
        second = self.make_lead(email_from="x@seller.example")
        self.validate(second)
        first.email_from = "x@seller.example"
        self.assertHeld(first, "duplicate")

    def test_of_a_lead_and_its_duplicate_found_valid_the_first_is_rewarded(self):
        """Threat L1: together, or one after the other."""
        steps = {
            "together": lambda first, second: [first | second],
            "the duplicate first": lambda first, second: [second, first],
        }
        for number, (name, order) in enumerate(steps.items()):
            with self.subTest(name):
                first, second = (
                    self.make_lead(email_from=f"a+{x}@buyer{number}.example")
                    for x in "xy"
                )
                for leads in order(first, second):
                    self.validate(leads)
                self.assertHeld(first)
                self.assertHeld(second, "duplicate")
                self.assertRewards(first, [(self.member, 0, 10.0)])
                self.assertRewards(second, [])

    def test_two_found_valid_together_that_no_rule_had_looked_at(self):
        vals = {"email_from": "a@buyer.example", "referral_link_id": self.link.id}
        self.rules["duplicate"].active = False
        leads = self.env["crm.lead"].create([{**vals, "name": x} for x in "xy"])
        self.rules["duplicate"].active = True
        self.validate(leads)
        self.assertHeld(leads[0])
        self.assertHeld(leads[1], "duplicate")

    def test_what_was_refused_keeps_no_other_lead_from_its_reward(self):
        first, second = (self.make_lead(email_from=f"{x}@x.example") for x in "ab")
        self.withhold(second)
        self.validate(second)
        self.validate(first)
        self.assertRewards(first, [(self.member, 0, 10.0)])

    def test_two_of_one_batch_are_one_lead_and_its_duplicate(self):
        vals = {
            "name": "X",
            "email_from": "a@buyer.example",
            "referral_link_id": self.link.id,
        }
        one, two = self.env["crm.lead"].create([vals, vals])
        self.assertHeld(one)
        self.assertHeld(two, "duplicate")

    def test_a_customer_who_comes_again_by_the_same_member_is_no_duplicate(self):
        """Rule C2."""
        first = self.make_lead(partner_id=self.customer.id)
        self.make_contract(first).sudo().date_order -= timedelta(hours=1)
        self.assertHeld(self.make_lead(partner_id=self.customer.id))
        other = self.env["crm.lead"].create(
            {
                "name": "By somebody else",
                "partner_id": self.customer.id,
                "referrer_id": self.inviter.id,
            }
        )
        self.assertHeld(other, "existing_customer", "duplicate")


@tagged("post_install", "-at_install")
class TestExistingCustomers(HoldCase):
    """Who has bought before is nobody's lead (threat L4)."""

    def test_a_customer_with_a_confirmed_order_is_held(self):
        self.make_bought()
        lead = self.make_lead(partner_id=self.customer.id)
        self.assertHeld(lead, "existing_customer")
        self.assertEqual(self.explanations(lead), ["“A Customer” has bought before."])

    def test_a_contact_with_the_leads_mailbox_phone_or_domain_is_enough(self):
        self.env["res.partner"].create(
            {
                "name": "Buyer",
                "parent_id": self.customer.id,
                "email": "b@buyer.example",
                "phone": "+86 138 0013 8000",
            }
        )
        self.make_bought()
        for number, values in enumerate(
            (
                {"email_from": "B+1@buyer.example"},
                {"email_from": "boss@buyer.example"},
                {"phone": "0086 138 0013 8000"},
            )
        ):
            with self.subTest(**values):
                lead = self.make_lead(name=f"Lead {number}", **values)
                kinds = lead.referral_hold_ids.mapped("kind")
                self.assertIn("existing_customer", kinds)

    def make_invoice(self):
        """Return a posted invoice of the customer, without any order."""
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [(0, 0, {"name": "Service", "price_unit": 5})],
            }
        )
        invoice.action_post()
        self.env.flush_all()
        return invoice

    def test_who_buys_only_after_the_lead_came_is_no_existing_customer(self):
        lead = self.make_lead(partner_id=self.customer.id)
        self.make_bought(days=-1)
        self.make_invoice()
        self.validate(lead)
        self.assertHeld(lead)

    def test_an_invoice_without_an_order_makes_a_customer_too(self):
        invoice = self.make_invoice()
        self.env.cr.execute(
            "UPDATE account_move SET create_date = create_date - interval '1 day'"
            " WHERE id = %s",
            (invoice.id,),
        )
        lead = self.make_lead(partner_id=self.customer.id)
        self.assertHeld(lead, "existing_customer")

    def test_a_quotation_makes_no_customer(self):
        order = self.make_order()
        order.sudo().date_order = "2026-01-01"
        self.assertHeld(self.make_lead(partner_id=self.customer.id))

    def test_what_came_of_the_lead_itself_is_no_earlier_order(self):
        lead = self.make_lead(partner_id=self.customer.id)
        self.make_contract(lead)
        self.validate(lead)
        self.assertHeld(lead)
        self.assertRewards(lead, [(self.member, 0, 10.0)])

    def test_a_customer_who_came_by_the_same_member_is_nobody_elses(self):
        """Rule C2: the member stays attached to the customer."""
        first = self.make_lead(partner_id=self.customer.id)
        order = self.make_contract(first)
        order.sudo().date_order = "2026-01-01"
        self.assertHeld(self.make_lead(partner_id=self.customer.id))

    def test_an_order_in_another_company_makes_no_customer_here(self):
        self.make_bought()
        other = self.env["res.company"].create({"name": "Other"})
        lead = self.env["crm.lead"].create(
            {
                "name": "There",
                "partner_id": self.customer.id,
                "referrer_id": self.member.id,
                "company_id": other.id,
            }
        )
        self.assertHeld(lead)


@tagged("post_install", "-at_install")
class TestBursts(HoldCase):
    """Leads that came while the clicks of their link looked made (threat S5)."""

    def setUp(self):
        super().setUp()
        self.burst = self.make_burst()
        gate.opened(self.link).suspicion = "to_review"

    def hour(self, lead):
        """Let the lead have come in the burst's hour."""
        self.env.flush_all()
        query = "UPDATE crm_lead SET create_date = %s WHERE id = %s"
        self.env.cr.execute(query, (self.burst.hour, lead.id))
        self.env.invalidate_all()

    def held_lead(self):
        lead = self.make_lead()
        self.hour(lead)
        lead._find_holds()
        self.assertHeld(lead, "burst")
        return lead

    def test_a_burst_found_after_the_lead_came_is_found_when_it_is_validated(self):
        lead = self.make_lead()
        self.hour(lead)
        self.assertHeld(lead)
        self.validate(lead)
        self.assertHeld(lead, "burst")
        self.assertRewards(lead, [])
        self.assertIn("10000 clicks", self.explanations(lead)[0])

    def test_clearing_the_link_releases_its_leads_with_that_reason(self):
        lead = self.held_lead()
        self.validate(lead)
        self.link.with_user(self.manager).action_clear_suspicion("A trade fair")
        self.assertRecordValues(
            lead.referral_hold_ids,
            [
                {
                    "state": "released",
                    "reason": "A trade fair",
                    "decided_by_id": self.manager.id,
                }
            ],
        )
        self.assertRewards(lead, [(self.member, 0, 10.0)])

    def test_a_lead_that_is_held_for_something_else_too_stays_held(self):
        self.member.email = "m@own.example"
        lead = self.held_lead()
        lead.email_from = "m+1@own.example"
        self.validate(lead)
        self.link.with_user(self.manager).action_clear_suspicion("A trade fair")
        self.assertHeld(lead, "self_referral")
        self.assertRewards(lead, [])
