import base64

import psycopg2

from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .test_compliance import ComplianceCase
from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase

WHERE = "WHERE %s = 'referral.compliance.signoff' AND res_id IN %%s"


class TestDatabaseGuards(ComplianceCase):
    """What the table itself refuses (ledger rule 6; threats W8, G1)."""

    def refuses(self, query, *values):
        with (
            self.subTest(query=query),
            self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
        ):
            self.env.cr.execute(query, values)

    def test_a_decided_row_is_not_edited_even_by_sql(self):
        signoff = self.sign(opinion_file=base64.b64encode(b"Opinion"))
        self.env.flush_all()
        for change in (
            "reason = 'Another'",
            "opinion_file = 'Forged'",
            "valid_until = '2099-01-01'",
            "decided_at = decided_at - interval '1 day'",
            "requester_id = decider_id, decider_id = requester_id",
            "state = 'requested'",
            "state = 'refused'",
            (
                "state = 'revoked', revoker_id = 1, revoked_at = now(),"
                " revocation_reason = 'x', reason = 'Another'"
            ),
        ):
            query = f"UPDATE referral_compliance_signoff SET {change} WHERE id = %s"
            self.refuses(query, signoff.id)
        self.refuses(
            "DELETE FROM referral_compliance_signoff WHERE id = %s", signoff.id
        )
        self.refuses("TRUNCATE referral_compliance_signoff CASCADE")

    def test_a_request_changes_by_its_decision_only(self):
        signoff = self.request()
        self.env.flush_all()
        for change in (
            "reason = 'Another'",
            "requester_id = 1",
            "decider_id = 1, decided_at = now()",
            "state = 'signed', decider_id = 1, decided_at = now(), reason = 'x'",
            (
                "state = 'revoked', decider_id = 1, decided_at = now(),"
                " revoker_id = 1, revoked_at = now(), revocation_reason = 'x'"
            ),
        ):
            query = f"UPDATE referral_compliance_signoff SET {change} WHERE id = %s"
            self.refuses(query, signoff.id)

    def test_a_row_begins_as_a_request(self):
        self.refuses(
            "INSERT INTO referral_compliance_signoff (company_id, requester_id, reason,"
            " state, decider_id, decided_at) VALUES (%s, %s, 'x', 'signed', %s, now())",
            self.company.id,
            self.manager.id,
            self.manager_2.id,
        )

    def test_moves_the_table_allows_are_the_ones_it_needs(self):
        signoff = self.request()
        self.env.flush_all()
        decide = (
            "UPDATE referral_compliance_signoff SET state = 'signed', decider_id = %s,"
            " decided_at = now() WHERE id = %s"
        )
        with self.assertDatabaseRefuses():  # the requester
            self.env.cr.execute(decide, (self.manager.id, signoff.id))
        with self.assertDatabaseRefuses():  # nobody
            self.env.cr.execute(decide, (None, signoff.id))
        self.env.cr.execute(decide, (self.manager_2.id, signoff.id))
        with self.assertDatabaseRefuses():  # no reason
            self.env.cr.execute(
                "UPDATE referral_compliance_signoff SET state = 'revoked',"
                " revoker_id = %s, revoked_at = now() WHERE id = %s",
                (self.manager.id, signoff.id),
            )

    def test_the_triggers_stand_and_are_on(self):
        self.env.cr.execute(
            "SELECT tgname, tgenabled FROM pg_trigger"
            " WHERE tgrelid = 'referral_compliance_signoff'::regclass"
            " AND NOT tgisinternal"
        )
        self.assertEqual(
            dict(self.env.cr.fetchall()),
            {
                "referral_compliance_signoff_forbid_change": "O",
                "referral_compliance_signoff_forbid_truncate": "O",
                "referral_compliance_signoff_guard_moves": "O",
            },
        )


class TestNoRewardForRecruiting(ComplianceCase):
    """No trigger for recruiting can be chosen or written (rule M7, threat G1)."""

    def test_no_such_trigger_can_be_chosen(self):
        with self.assertRaises(ValueError):
            self.make_plan([{"name": "Head", "trigger": "recruit", "amount": 5}])

    def test_nor_is_one_stored_if_an_addon_offers_it(self):
        """The database refuses what a registry would let through."""
        rule = self.make_plan().rule_ids[0]
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "UPDATE referral_plan_rule SET trigger = 'recruit' WHERE id = %s",
                (rule.id,),
            )

    def test_nor_is_a_reward_booked_under_it_or_without_its_document(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        self.env.flush_all()
        for change in (
            "trigger = 'recruit'",
            "trigger = 'contract'",  # a lead is no contract
            "lead_id = NULL",
        ):
            with self.subTest(change=change), self.assertDatabaseRefuses():
                self.env.cr.execute(
                    f"UPDATE referral_commission SET {change} WHERE lead_id = %s",
                    (lead.id,),
                )

    def test_a_new_member_earns_nobody_anything(self):
        """And whoever joins orders, owes and pays nothing: there is no joining fee."""
        names = (
            "referral.commission",
            "sale.order",
            "account.move",
            "account.payment",
        )
        before = [self.env[name].search_count([]) for name in names]
        newcomer = self.make_member("Newcomer", inviter_id=self.member.id)
        later = self.env["res.partner"].create({"name": "Later"})
        later.write({"inviter_id": newcomer.id, "member_state": "candidate"})
        later.member_state = "active"
        self.env.flush_all()
        self.assertEqual([self.env[name].search_count([]) for name in names], before)


class TestSignoffRaces(TwoConnectionsCase):
    """Two managers at once, on real connections."""

    def _make(self, env):
        self.users = []
        for number in (1, 2, 3):
            user = new_test_user(
                env,
                f"rd_signer_{number}_{self._testMethodName}",
                groups="referral_distribution.group_manager",
                email=f"signer{number}@example.com",
            )
            self._keep(user)
            self._keep(user.partner_id)
            self.users.append(user.id)
        self.company = env.company.id
        signoffs = env(user=self.users[0])["referral.compliance.signoff"]
        self.signoff = self._keep(signoffs.create({"reason": "Counsel"}))

    def _erase(self):
        toggle = "ALTER TABLE referral_compliance_signoff %s TRIGGER USER"
        with self.registry.cursor() as cr:
            cr.execute(toggle % "DISABLE")
            for query, table in (
                ("DELETE FROM mail_activity WHERE user_id IN %s", "res_users"),
                (
                    f"DELETE FROM mail_activity {WHERE % 'res_model'}",
                    "referral_compliance_signoff",
                ),
                (
                    f"DELETE FROM mail_message {WHERE % 'model'}",
                    "referral_compliance_signoff",
                ),
                (
                    "DELETE FROM referral_compliance_signoff WHERE id IN %s",
                    "referral_compliance_signoff",
                ),
                ("DELETE FROM res_users WHERE id IN %s", "res_users"),
                ("DELETE FROM res_partner WHERE id IN %s", "res_partner"),
            ):
                cr.execute(query, (tuple(self.made[table]),))
            cr.execute(
                "UPDATE res_company SET referral_paying_levels = '2' WHERE id = %s",
                (self.company,),
            )
            cr.execute(toggle % "ENABLE")
        self.registry.clear_all_caches()

    def sign(self, env):
        env["referral.compliance.signoff"].browse(self.signoff).action_sign()

    def refuse(self, env):
        env["referral.compliance.signoff"].browse(self.signoff).action_refuse("No")

    def revoke(self, env):
        env["referral.compliance.signoff"].browse(self.signoff).action_revoke("Stop")

    def raise_levels(self, env):
        company = env["res.company"].sudo().browse(self.company)
        company.referral_paying_levels = "3"

    def read_signoff(self):
        with self.committed() as env:
            signoff = env["referral.compliance.signoff"].browse(self.signoff)
            levels = signoff.company_id.referral_paying_levels
            return signoff.state, signoff.decider_id.id, levels

    def test_two_managers_sign_at_once_and_the_first_is_recorded(self):
        found = self.race(self.sign, self.sign, uids=self.users[1:])
        self.assertEqual(found, [DONE, AGAIN])
        self.assertEqual(self.read_signoff()[:2], ("signed", self.users[1]))

    def test_one_refuses_while_the_other_signs_and_the_first_counts(self):
        found = self.race(self.refuse, self.sign, uids=self.users[1:])
        self.assertEqual(found, [DONE, REFUSED])
        self.assertEqual(self.read_signoff()[:2], ("refused", self.users[1]))

    def test_the_requester_does_not_slip_in_beside_another(self):
        found = self.race(self.sign, self.sign, uids=self.users[:2])
        self.assertEqual(found, [REFUSED, DONE])

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_levels_raised_while_the_signoff_is_revoked_end_at_two(self):
        """Whichever is first; neither sees what the other has not committed."""
        with self.committed(self.users[1]) as env:
            self.sign(env)
        found = self.race(self.raise_levels, self.revoke, uids=self.users[1:])
        self.assertEqual(found, [DONE, AGAIN])
        self.assertEqual(self.read_signoff()[::2], ("revoked", "2"))

    def test_levels_raised_after_a_revocation_it_could_not_see_are_refused(self):
        with self.committed(self.users[1]) as env:
            self.sign(env)
        found = self.race(self.revoke, self.raise_levels, uids=self.users[1:])
        self.assertEqual(found, [DONE, REFUSED])
        self.assertEqual(self.read_signoff()[::2], ("revoked", "2"))
