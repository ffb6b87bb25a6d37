from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Date
from odoo.tests import tagged

from ..engine import commission
from ..models import gate
from .common import RULES, ReferralCase

THIRD = {"name": "Third", "level": 2, "base": "member_reward", "rate": 5}


@tagged("post_install", "-at_install")
class ComplianceCase(ReferralCase):
    """Two managers, and what a sign-off needs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager_2 = cls.make_user("rd_manager_2", "manager")
        cls.signoffs = cls.env["referral.compliance.signoff"]

    def request(self, user=None, **values):
        """Return a request of the first manager's."""
        values = {"reason": "Opinion of counsel, 2 March", **values}
        return self.signoffs.with_user(user or self.manager).create(values)

    def sign(self, **values):
        """Return a signed sign-off, by two managers."""
        signoff = self.request(**values)
        signoff.with_user(self.manager_2).action_sign()
        return signoff

    def set_levels(self, levels, company=None):
        (company or self.company).referral_paying_levels = levels
        self.env.flush_all()


class TestThirdLevel(ComplianceCase):
    """Three levels need a sign-off, a fourth is refused (rules M4, M7; threat G1)."""

    def test_a_third_level_without_a_signoff_is_refused_whoever_writes_it(self):
        company = self.company
        admin = self.env.ref("base.user_admin")
        for name, records in {
            "superuser": company,
            "administrator": company.with_user(admin),
            "sudo": company.with_user(self.manager).sudo(),
            "our own code": gate.opened(company),
        }.items():
            with self.subTest(by=name), self.assertRaises(ValidationError):
                records.write({"referral_paying_levels": "3"})
            self.env.invalidate_all()
            self.assertEqual(company.referral_paying_levels, "2")

    def test_the_message_says_what_to_do(self):
        with self.assertRaisesRegex(ValidationError, "another manager signs it"):
            self.set_levels("3")

    def test_nor_is_a_company_born_with_it(self):
        vals = {"name": "New", "referral_paying_levels": "3"}
        with self.assertRaises(ValidationError):
            self.env["res.company"].create(vals)
        with self.assertRaises(ValidationError):
            self.env["res.company"].with_context(
                default_referral_paying_levels="3"
            ).create({"name": "New"})

    def test_nor_does_an_import_bring_it(self):
        result = self.env["res.company"].load(
            [".id", "referral_paying_levels"], [[str(self.company.id), "3"]]
        )
        self.assertFalse(result["ids"])
        self.assertIn("another manager signs it", result["messages"][0]["message"])

    def test_nor_the_settings_page(self):
        admin = self.env.ref("base.user_admin")
        page = self.env["res.config.settings"].with_user(admin)
        with self.assertRaises(ValidationError):
            page.create({"referral_paying_levels": "3"})

    def test_a_signoff_of_another_company_is_none(self):
        self.sign()
        other = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(ValidationError):
            self.set_levels("3", other)

    def test_neither_a_request_nor_a_refusal_is_a_signoff(self):
        signoff = self.request()
        with self.assertRaises(ValidationError):
            self.set_levels("3")
        signoff.with_user(self.manager_2).action_refuse("Not in this country")
        with self.assertRaises(ValidationError):
            self.set_levels("3")

    def test_with_a_signoff_three_levels_are_paid(self):
        self.make_plan([*RULES, THIRD])._activate()
        self.sign()
        self.set_levels("3")
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(
            order,
            [
                (self.member, 0, 600),
                (self.inviter, 1, 60),
                (self.grandparent, 2, 30),
            ],
        )

    def test_with_two_levels_a_rule_of_the_third_pays_nobody(self):
        self.make_plan([*RULES, THIRD])._activate()
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 600), (self.inviter, 1, 60)])

    def test_more_levels_do_not_reach_back_to_contracts_signed_before(self):
        """Threat F5."""
        self.make_plan([*RULES, THIRD])._activate()
        order = self.make_paid_contract()
        self.sign()
        self.set_levels("3")
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 600), (self.inviter, 1, 60)])

    def test_contracts_from_before_levels_were_kept_pay_two(self):
        self.make_plan([*RULES, THIRD])._activate()
        self.sign()
        self.set_levels("3")
        order = self.make_paid_contract()
        order._write_guarded({"referral_paying_levels": 0})
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 600), (self.inviter, 1, 60)])

    def test_a_revoked_signoff_stops_the_third_level_of_contracts_signed_before(self):
        self.make_plan([*RULES, THIRD])._activate()
        signoff = self.sign()
        self.set_levels("3")
        order = self.make_paid_contract()
        signoff.with_user(self.manager).action_revoke("The law has changed")
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 600), (self.inviter, 1, 60)])

    def test_nobody_writes_the_levels_of_a_contract(self):
        order = self.make_contract(self.make_lead())
        self.assertEqual(order.referral_paying_levels, 2)
        with self.assertRaises(AccessError):
            order.with_user(self.sales).write({"referral_paying_levels": 3})

    def test_a_fourth_level_cannot_be_chosen(self):
        with self.assertRaises(ValueError):
            self.company.referral_paying_levels = "4"

    def test_a_fourth_level_cannot_be_written_by_sql(self):
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "UPDATE res_company SET referral_paying_levels = '4' WHERE id = %s",
                (self.company.id,),
            )

    def test_the_engine_refuses_a_fourth_level_whatever_it_is_given(self):
        for levels in (0, 4, 99, -1):
            with self.subTest(levels=levels), self.assertRaises(ValueError):
                commission.Facts("contract", paying_levels=levels)
        for level in (-1, 3):
            with self.subTest(level=level), self.assertRaises(ValueError):
                commission.Rule(1, "contract", level=level)


class TestSignoff(ComplianceCase):
    """One manager asks, another decides, and nothing of it is ever edited."""

    def test_another_manager_signs_and_the_row_says_who_and_when(self):
        with freeze_time("2026-03-02 09:30:00"):
            signoff = self.sign()
        self.assertRecordValues(
            signoff,
            [
                {
                    "state": "signed",
                    "in_force": True,
                    "requester_id": self.manager.id,
                    "decider_id": self.manager_2.id,
                }
            ],
        )
        self.assertEqual(str(signoff.decided_at), "2026-03-02 09:30:00")

    def test_the_requester_cannot_decide(self):
        """Nor as an administrator, with a second role, or through sudo()."""
        self.manager.group_ids += self.env.ref("base.group_system")
        self.manager.group_ids += self.env.ref("referral_distribution.group_finance")
        signoff = self.request()
        for records in (signoff, signoff.sudo(), gate.opened(signoff)):
            for decide in (
                lambda records=records: records.action_sign(),
                lambda records=records: records.action_refuse("No"),
            ):
                with self.assertRaisesRegex(UserError, "ask another"):
                    decide()
        self.assertEqual(signoff.state, "requested")

    def test_a_second_login_of_the_requester_cannot_decide_either(self):
        self.manager_2.email = "RD_manager@example.com"
        signoff = self.request()
        with self.assertRaisesRegex(UserError, "ask another"):
            signoff.with_user(self.manager_2).action_sign()

    def test_the_superuser_neither_asks_nor_decides(self):
        signoff = self.request()
        with self.assertRaisesRegex(AccessError, "by a person"):
            self.signoffs.create({"reason": "x"})
        for name in ("action_sign",):
            with self.assertRaisesRegex(AccessError, "by a person"):
                getattr(signoff.with_env(self.env), name)()
        with self.assertRaisesRegex(AccessError, "by a person"):
            signoff.with_env(self.env).action_refuse("x")

    def test_other_roles_neither_ask_nor_decide(self):
        signoff = self.sign()
        waiting = self.request()
        for user in (self.sales, self.finance, self.clerk, self.portal):
            self.env.invalidate_all()
            with self.subTest(user=user.login):
                for act in (
                    lambda user=user: self.request(user),
                    lambda user=user: waiting.with_user(user).action_sign(),
                    lambda user=user: waiting.with_user(user).action_refuse("x"),
                    lambda user=user: signoff.with_user(user).action_revoke("x"),
                    lambda user=user: waiting.with_user(user).sudo().action_sign(),
                ):
                    with self.assertRaises(AccessError):
                        act()

    def test_nobody_asks_in_another_name(self):
        forged = {
            "requester_id": self.manager_2.id,
            "decider_id": self.manager_2.id,
            "decided_at": "2026-01-01 00:00:00",
            "state": "signed",
        }
        defaults = {f"default_{name}": value for name, value in forged.items()}
        signoffs = self.request(**forged)
        signoffs += (
            self.signoffs.with_user(self.manager)
            .with_context(**defaults)
            .create({"reason": "x"})
        )
        signoffs += (
            self.signoffs.with_user(self.manager)
            .sudo()
            .create({"reason": "x", **forged})
        )
        for signoff in signoffs:
            self.assertEqual(signoff.requester_id, self.manager)
            self.assertEqual(signoff.state, "requested")
            self.assertFalse(signoff.decider_id)

    def test_a_request_needs_an_opinion_and_a_day_to_come(self):
        with self.assertRaises(ValidationError):
            self.request(reason="  ")
        with self.assertRaises(ValidationError):
            self.request(valid_until=Date.today() - timedelta(days=2))

    def test_a_request_out_of_date_cannot_be_signed(self):
        signoff = self.request(valid_until=Date.today() + timedelta(days=2))
        with (
            freeze_time(Date.today() + timedelta(days=5)),
            self.assertRaises(ValidationError),
        ):
            signoff.with_user(self.manager_2).action_sign()

    def test_refusing_and_revoking_need_a_reason(self):
        signoff = self.request().with_user(self.manager_2)
        for reason in ("", "  ", None, 7):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                signoff.action_refuse(reason)
        signoff.action_sign()
        with self.assertRaises(UserError):
            signoff.action_revoke(" ")

    def test_steps_go_one_way(self):
        refused = self.request()
        refused.with_user(self.manager_2).action_refuse("No")
        revoked = self.sign()
        revoked.with_user(self.manager).action_revoke("Stop")
        for signoff in (refused, revoked):
            other = signoff.with_user(self.manager_2)
            with self.assertRaises(UserError):
                other.action_sign()
        with self.assertRaises(UserError):
            refused.with_user(self.manager_2).action_revoke("x")
        with self.assertRaises(UserError):
            revoked.with_user(self.manager_2).action_refuse("x")

    def test_pressed_again_it_changes_nothing(self):
        signoff = self.sign()
        manager_3 = self.make_user("rd_manager_3", "manager")
        signoff.with_user(manager_3).action_sign()
        self.assertEqual(signoff.decider_id, self.manager_2)

    def test_nobody_edits_or_deletes_one(self):
        signoff = self.sign()
        for records in (signoff.with_env(self.env), signoff.sudo(), signoff):
            with self.assertRaises(UserError):
                records.write({"reason": "Another"})
            with self.assertRaises(UserError):
                records.write({"state": "requested"})
            with self.assertRaises(UserError):
                records.unlink()

    def test_the_other_managers_find_the_request_on_their_desk(self):
        signoff = self.request()
        desks = signoff.sudo().activity_ids.user_id
        self.assertIn(self.manager_2, desks)
        self.assertNotIn(self.manager, desks)
        signoff.with_user(self.manager_2).action_sign()
        self.assertFalse(signoff.sudo().activity_ids)

    def test_finance_reads_them(self):
        signoff = self.sign().with_user(self.finance)
        self.assertEqual(signoff.read(["reason"])[0]["id"], signoff.id)

    def test_those_in_force_are_found(self):
        signed, waiting = self.sign(), self.request()
        found = self.signoffs.search([("in_force", "=", True)])
        self.assertIn(signed, found)
        self.assertNotIn(waiting, found)
        others = self.signoffs.search([("in_force", "=", False)])
        self.assertIn(waiting, others)
        self.assertNotIn(signed, others)


class TestSignoffEnds(ComplianceCase):
    """Without a sign-off in force the company pays two levels again."""

    def test_revoking_puts_the_company_back_to_two_levels_and_tells_managers(self):
        signoff = self.sign()
        self.set_levels("3")
        self.company.referral_compliance_user_id = self.manager_2
        with self.mails() as sent:
            signoff.with_user(self.manager).action_revoke("The law has changed")
        self.assertEqual(self.company.referral_paying_levels, "2")
        self.assertEqual(sent, [self.manager_2.partner_id.ids])
        self.assertEqual(signoff.revocation_reason, "The law has changed")

    def test_another_signoff_in_force_keeps_three(self):
        signoff = self.sign()
        self.sign()
        self.set_levels("3")
        signoff.with_user(self.manager).action_revoke("Replaced")
        self.assertEqual(self.company.referral_paying_levels, "3")

    def test_one_level_stays_one(self):
        signoff = self.sign()
        self.set_levels("1")
        signoff.with_user(self.manager).action_revoke("Not needed")
        self.assertEqual(self.company.referral_paying_levels, "1")

    def test_a_signoff_runs_out_after_its_last_day_in_the_companys_time_zone(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        with freeze_time("2026-03-01 08:00:00"):
            signoff = self.sign(valid_until="2026-03-31")
            self.set_levels("3")
        # 31 March, 23:59 in Shanghai
        with freeze_time("2026-03-31 15:59:00"):
            self.env["res.company"]._cron_referral_signoffs()
            self.assertEqual(self.company.referral_paying_levels, "3")
        self.env.invalidate_all()
        with freeze_time("2026-03-31 16:01:00"), self.mails() as sent:
            self.env["res.company"]._cron_referral_signoffs()
            self.env["res.company"]._cron_referral_signoffs()
            self.assertEqual(self.company.referral_paying_levels, "2")
            self.assertFalse(signoff.in_force)
        expected = self.company._get_referral_managers().partner_id
        self.assertEqual(
            sorted(id_ for ids in sent for id_ in ids), sorted(expected.ids)
        )

    def test_what_sql_has_set_is_put_back(self):
        self.env.cr.execute(
            "UPDATE res_company SET referral_paying_levels = '3' WHERE id = %s",
            (self.company.id,),
        )
        self.env.invalidate_all()
        self.env["res.company"]._cron_referral_signoffs()
        self.assertEqual(self.company.referral_paying_levels, "2")

    def mails(self):
        """Yield a list that fills with the partners each message goes to."""
        sent = []
        thread = type(self.env["mail.thread"])

        def message_notify(_self, *, partner_ids, subject, body, **_kwargs):
            self.assertTrue(subject and body)
            sent.append(list(partner_ids))

        patcher = patch.object(thread, "message_notify", message_notify)

        class Mails:
            def __enter__(self):
                patcher.start()
                return sent

            def __exit__(self, *error):
                patcher.stop()

        return Mails()
