from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .access import ADDON, MATRIX, OPERATIONS, AccessCase
from .common import ROLE, ReferralCase


class TestMatrix(AccessCase):
    """Each role, each model, each operation: allowed and refused (section 7)."""

    def test_every_model_of_the_addon_is_in_the_matrix(self):
        self.env.cr.execute(
            "SELECT m.model FROM ir_model m JOIN ir_model_data d"
            " ON d.model = 'ir.model' AND d.res_id = m.id"
            " WHERE d.module = %s AND m.model LIKE 'referral.%%'",
            (ADDON,),
        )
        self.assertEqual({name for (name,) in self.env.cr.fetchall()}, set(MATRIX))

    def test_each_role_may_do_what_it_is_for_and_nothing_else(self):
        for model, allowed in MATRIX.items():
            for operation in OPERATIONS:
                expected = set(allowed.get(operation, "").split())
                found = {
                    role
                    for role, user in self.users.items()
                    if self.env[model].with_user(user).has_access(operation)
                }
                with self.subTest(model=model, operation=operation):
                    self.assertEqual(found, expected, f"{operation} {model}")

    def test_employees_without_a_role_still_read_their_documents_as_a_whole(self):
        """As outside tools do: without naming fields."""
        accountant = new_test_user(
            self.env, login="rd_accountant", groups="account.group_account_invoice"
        )
        lead = self.make_lead(user_id=self.clerk.id)
        order = self.make_contract(lead, user_id=self.clerk.id)
        invoice = self.invoice(order)
        for record, user in (
            (lead, self.clerk),
            (order, self.clerk),
            (order, accountant),
            (invoice, accountant),
        ):
            self.env.invalidate_all()
            with self.subTest(model=record._name, user=user.login):
                self.assertTrue(record.with_user(user).read())

    def test_a_plain_salesperson_works_on_leads_and_orders_as_before(self):
        lead = self.make_lead(user_id=self.clerk.id).with_user(self.clerk)
        lead.write(
            {"name": "Renamed", "stage_id": self.env["crm.stage"].search([])[0].id}
        )
        order = self.make_order(lead, user_id=self.clerk.id).with_user(self.clerk)
        order.action_confirm()
        self.assertEqual(order.referral_state, "contracted")
        order._action_cancel()
        self.assertEqual(order.referral_state, "none")


class TestOwnRecords(AccessCase):
    """A member sees their own records and nobody else's (threat P1)."""

    def setUp(self):
        super().setUp()
        self.theirs = self.env["referral.link"]._obtain(
            self.inviter, self.channel, "/theirs"
        )
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        self.lines = order.referral_commission_ids
        shares = self.env["referral.share"]
        for link in (self.link, self.theirs):
            shares |= shares.create({"link_id": link.id, "method": "copy"})
        self.shares = shares

    def test_members_find_their_own_and_read_nobody_elses(self):
        for records in (
            self.link + self.theirs,
            self.shares,
            self.lines,
            self.member.invite_code_ids + self.inviter.invite_code_ids,
        ):
            mine = records.filtered(lambda r: r.partner_id == self.member)
            seen = records.with_user(self.portal)
            with self.subTest(model=records._name):
                self.assertEqual(len(mine), 1)
                found = seen.search([("id", "in", records.ids)])
                self.assertEqual(found.ids, mine.ids)
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    (seen - mine.with_user(self.portal)).read(["display_name"])
                nobody = records.with_user(self.stranger)
                self.assertFalse(nobody.search([("id", "in", records.ids)]))

    def test_members_see_own_channels_only(self):
        """Rule S4: what a partner is paid is no member's business."""
        club = self.env["referral.channel"].create(
            {
                "name": "Club",
                "kind": "partner",
                "partner_id": self.env["res.partner"].create({"name": "P"}).id,
            }
        )
        channels = self.env["referral.channel"].with_user(self.portal)
        self.assertIn(self.channel, channels.search([]))
        self.assertNotIn(club, channels.search([]))

    def test_members_do_not_group_or_export_their_way_to_others(self):
        """Threat P9's way in: aggregates obey the same rules."""
        groups = (
            self.env["referral.commission"]
            .with_user(self.portal)
            ._read_group([("id", "in", self.lines.ids)], ["partner_id"], ["amount:sum"])
        )
        self.assertEqual(
            [(p.id, total) for p, total in groups], [(self.member.id, 600)]
        )

    def test_members_read_neither_leads_nor_orders_of_others(self):
        lead = self.lines[0].lead_id
        order = self.lines[0].order_id
        for record in (lead, order):
            with self.subTest(model=record._name), self.assertRaises(AccessError):
                record.with_user(self.portal).read(["name"])


@tagged("post_install", "-at_install")
class TestRoles(ReferralCase):
    def test_no_role_includes_another_by_accident(self):
        """Who reviews leads does not decide about money, and the other way round."""
        strong = ("sales", "finance", "manager", "integration")
        expected = {
            "sales": {"sales"},
            "content_operator": set(),
            "media_operator": set(),
            "finance": {"finance"},
            "manager": {"manager", "sales"},
            "integration": {"integration"},
        }
        for role, groups in expected.items():
            user = self.make_user(f"rd_role_{role}", role)
            found = {name for name in strong if user.has_group(f"{ROLE}{name}")}
            with self.subTest(role=role):
                self.assertEqual(found, groups)
