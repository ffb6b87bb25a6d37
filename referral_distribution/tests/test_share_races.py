from threading import Barrier, Thread

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.fields import Command
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.visit import Visit
from .common import RULES
from .test_concurrency import AGAIN, DONE, TwoConnectionsCase
from .test_shares import SHARE_RULE


@tagged("post_install", "-at_install")
class TestShareRaces(TwoConnectionsCase):
    """Two phones, two tabs, two jobs: one share, one point a day (rules S2, S5)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            self._make_second_link(env)

    def _make_second_link(self, env):
        member, channel = (
            env["res.partner"].browse(self.member),
            env["referral.channel"].browse(self.channel),
        )
        self.second_link = self._keep(
            env["referral.link"]._obtain(member, channel, "/race-2")
        )

    def _make_plan(self, env):
        currency = env.company.currency_id.id
        lines = [
            Command.create({"currency_id": currency, **rule})
            for rule in (*RULES, SHARE_RULE)
        ]
        plan = env["referral.plan"].create({"name": "Race", "rule_ids": lines})
        return self._keep(plan)

    def _erase(self):
        self._erase_shares()
        return super()._erase()

    def _erase_shares(self):
        partners = tuple(self.made["res_partner"])
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM referral_commission WHERE share_id IN"
                " (SELECT id FROM referral_share WHERE partner_id IN %s)",
                (partners,),
            )
            cr.execute("DELETE FROM referral_share WHERE partner_id IN %s", (partners,))

    def share(self, link=None, method="copy"):
        def act(env):
            found = env["referral.link"].browse(link or self.link)
            env["referral.share"]._record(found, method)

        return act

    def assertShared(self, shares, points):
        with self.committed() as env:
            own = [("partner_id", "=", self.member)]
            found = env["referral.share"].search(own)
            self.assertEqual(len(found), shares)
            self.assertEqual(len(found.filtered("first_of_day")), 1)
            lines = env["referral.commission"].search([*own, ("trigger", "=", "share")])
            self.assertEqual(sum(lines.mapped("amount")), points)

    def test_one_share_sent_twice_at_once_is_one_row(self):
        self.assertEqual(self.race(self.share(), self.share()), [DONE, AGAIN])
        self.assertShared(1, points=1)

    def test_two_shares_at_once_have_one_first_and_one_point(self):
        """Rule S5: of other links and methods, which only the day brings together."""
        outcome = self.race(self.share(), self.share(self.second_link, "qr"))
        self.assertEqual(outcome, [DONE, AGAIN])
        self.assertShared(2, points=1)

    def test_many_shares_that_really_meet_give_one_point(self):
        methods = ("copy", "qr", "weibo", "email")
        barrier, failures = Barrier(len(methods)), []

        def work(method):
            barrier.wait(10)
            with self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                try:
                    retrying(lambda: self.share(method=method)(env), env)
                    cr.commit()  # pylint: disable=invalid-commit
                except psycopg2.Error as error:
                    failures.append(error)

        workers = [Thread(target=work, args=[method]) for method in methods]
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(60)
        self.assertEqual(failures, [])
        self.assertShared(len(methods), points=1)

    def test_two_jobs_reward_a_clicked_share_once(self):
        """Rule S5 with a click; threat J1."""
        with self.committed() as env:
            company = env.company
            company.referral_share_needs_click = True
        self.addCleanup(self._click_no_longer_needed)
        with self.committed() as env:
            self.share()(env)
        with self.committed() as env:
            link = env["referral.link"].browse(self.link)
            env["referral.click"]._record(link.code, Visit("192.0.2.1", "Friend"))

        def reward(env):
            env["referral.share"]._reward_clicked()

        with mute_logger(
            "odoo.addons.referral_distribution.models.referral_share_reward"
        ):
            self.assertEqual(self.race(reward, reward), [DONE, DONE])
        self.assertShared(1, points=1)
        with self.committed() as env:
            self.assertEqual(
                env["referral.share"]
                .search([("link_id", "=", self.link)])
                .reward_state,
                "rewarded",
            )

    def _click_no_longer_needed(self):
        with self.committed() as env:
            env.company.referral_share_needs_click = False
