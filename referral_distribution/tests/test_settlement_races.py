from threading import Thread
from unittest.mock import patch

from odoo.fields import Command
from odoo.tools import SQL, mute_logger

from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase


class TestSettlementRaces(TwoConnectionsCase):
    """Runs that meet: each line is settled once (threats J1, J3, F1)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            env["crm.lead"].browse(self.lead).action_referral_validate()

    def _make_plan(self, env):
        plan = super()._make_plan(env)
        env["referral.plan"].browse(plan).settlement_mode = "at_once"
        return plan

    def run_job(self, env):
        """The job, on the snapshot it was given, without its own second try."""
        which = SQL("plan.settlement_mode <> 'manual'")
        env["referral.settlement"]._collect_slice(env.company, 0, which)

    def press_button(self, env):
        env["referral.settlement"].action_run()

    def select(self, env):
        env["referral.commission"].search(
            [("lead_id", "=", self.lead)]
        ).action_collect()

    def find_settlements(self, env):
        return env["referral.settlement"].search([("partner_id", "=", self.member)])

    def assertSettledOnce(self):
        with self.committed() as env:
            settlement = self.find_settlements(env)
            self.assertEqual(settlement.mapped("amount_total"), [10.0])
            self.assertEqual(settlement.commission_ids.lead_id.ids, [self.lead])

    def test_the_job_twice_and_a_button_settle_each_line_once(self):
        outcomes = self.race(
            self.run_job,
            self.run_job,
            self.press_button,
            self.select,
            uids=[1, 1, self.users[0], self.users[1]],
        )
        self.assertEqual(outcomes, [DONE, AGAIN, AGAIN, AGAIN])
        self.assertSettledOnce()

    def test_the_job_tries_again_by_itself(self):
        """Threat J3: Odoo repeats no job's transaction."""
        failures = []

        def job():
            try:
                with self.committed() as env, mute_logger("odoo.sql_db"):
                    env["referral.settlement"]._cron_settle()
            except Exception as error:  # noqa: BLE001 - told to the test
                failures.append(error)

        cron = self.registry["ir.cron"]

        def progress(self, *_args, **_values):
            self.env.cr.commit()  # pylint: disable=invalid-commit
            return 1

        with (
            self.registry.cursor() as cr,
            patch.object(cron, "_commit_progress", progress),
        ):
            cr.execute(
                "UPDATE referral_commission SET write_date = now() WHERE lead_id = %s",
                (self.lead,),
            )
            thread = Thread(target=job)
            thread.start()
            thread.join(1)
            self.assertTrue(thread.is_alive(), "the job has to wait for the row")
            cr.commit()  # pylint: disable=invalid-commit
            thread.join(30)
        self.assertFalse(thread.is_alive() or failures, failures)
        self.assertSettledOnce()

    def make_payers(self, env):
        """Return the ids of two more people of finance."""
        group = env.ref("referral_distribution.group_finance").id
        login = f"rd_race_payer_{self.lead}"
        vals = {"name": login, "group_ids": [Command.link(group)]}
        users = env["res.users"].create(
            [{**vals, "login": f"{login}_{number}"} for number in range(2)]
        )
        for user in users:
            self._keep(user)
            self._keep(user.partner_id)
        return users.ids

    def submit(self):
        """Return the ids of two more people, of a settlement one has submitted."""
        with self.committed() as env:
            self.select(env(user=self.users[0]))
            self.find_settlements(env).with_user(self.users[0]).action_submit()
            return self.make_payers(env)

    def assertApprovedOnce(self):
        with self.committed() as env:
            settlement = self.find_settlements(env)
            bills = env["account.move"].search([("partner_id", "=", self.member)])
            self.assertEqual(settlement.mapped("state"), ["approved"])
            self.assertEqual(bills, settlement.bill_id)
            self.assertEqual(bills.mapped("amount_total"), [10.0])

    def test_two_approvers_make_one_bill(self):
        """Threat F1."""
        ids = self.submit()
        approve = self.approve
        self.assertEqual(self.race(approve, approve, uids=ids), [DONE, AGAIN])
        self.assertApprovedOnce()

    def test_a_double_click_on_approve_makes_one_bill(self):
        """Threat F1."""
        user = self.submit()[0]
        approve = self.approve
        self.assertEqual(self.race(approve, approve, uids=[user] * 2), [DONE, AGAIN])
        self.assertApprovedOnce()

    def approve(self, env):
        self.find_settlements(env).action_approve()

    def test_taken_back_to_draft_while_somebody_approves(self):
        """Threat F1: one of the two, and no bill of a draft."""
        user = self.submit()[0]

        def reset(env):
            self.find_settlements(env).action_reset()

        uids = [self.users[0], user]
        self.assertEqual(self.race(reset, self.approve, uids=uids), [DONE, REFUSED])
        with self.committed() as env:
            settlement = self.find_settlements(env)
            self.assertEqual(
                (settlement.state, settlement.bill_id.id), ("draft", False)
            )

    def test_whoever_pays_claims_the_settlement_before_any_work(self):
        """Threat F1: the second waits there, and starts again."""
        self.submit()

        def claim(env):
            self.find_settlements(env)._query_claim()

        self.assertEqual(self.race(claim, claim), [DONE, AGAIN])

    def test_two_payers_make_one_payment(self):
        """Threat F1."""
        ids = self.submit()
        with self.committed() as env:
            self.find_settlements(env).with_user(self.users[1]).action_approve()

        def pay(env):
            journal = env["account.journal"].search([("type", "=", "cash")], limit=1)
            wizard = env["referral.settlement.pay"].create(
                {
                    "settlement_ids": self.find_settlements(env).ids,
                    "journal_id": journal.id,
                }
            )
            wizard.action_pay()

        self.assertEqual(self.race(pay, pay, uids=ids), [DONE, REFUSED])
        with self.committed() as env:
            payments = env["account.payment"].search([("partner_id", "=", self.member)])
            self.assertEqual(payments.mapped("amount"), [10.0])
            self.assertEqual(self.find_settlements(env).state, "paid")
            env["account.payment.register"].search([]).unlink()
            payments.action_draft()
            payments.unlink()
            env["account.move"].search(
                [("partner_id", "=", self.member)]
            ).button_draft()
