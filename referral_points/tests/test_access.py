from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import PointsCommon

MODELS = (
    "referral.wallet",
    "referral.wallet.entry",
    "referral.reward",
    "referral.redemption",
    "referral.privilege",
)
ROLES = ("sales", "finance", "manager")


@tagged("post_install", "-at_install")
class TestAccess(PointsCommon):
    """Each role may what it may, and nothing more (threats P1, P3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reward = cls._create_reward(points=100, privilege_days=1)
        cls.own = cls._make_records(cls.portal.partner_id)
        cls.foreign = cls._make_records(cls.member)

    @classmethod
    def _make_records(cls, member):
        """Return one record of each model that belongs to the member."""
        wallet = cls._open_wallet(500, member=member)
        redemption = cls.env["referral.redemption"].create(
            {"partner_id": member.id, "reward_id": cls.reward.id}
        )
        redemption.with_user(cls.sales).action_submit()
        redemption.with_user(cls.finance).action_approve()
        redemption.with_user(cls.finance).action_done()
        return (
            wallet,
            wallet.entry_ids[:1],
            cls.reward,
            redemption,
            redemption.privilege_ids,
        )

    def test_a_member_reads_the_own_records_only(self):
        for own, foreign in zip(self.own, self.foreign, strict=True):
            with self.subTest(own._name):
                own.with_user(self.portal).read()
                if own == foreign:  # the catalogue is for everybody
                    continue
                with self.assertRaises(AccessError):
                    foreign.with_user(self.portal).read()
                found = own.with_user(self.portal).search([])
                self.assertIn(own, found)
                self.assertNotIn(foreign, found)

    def test_a_member_changes_nothing(self):
        for record in self.own:
            mine = record.with_user(self.portal)
            with self.subTest(record._name):
                for operation in ("write", "create", "unlink"):
                    self.assertFalse(mine.has_access(operation))
        redemption = self.own[3].with_user(self.portal)
        for step in ("action_submit", "action_approve", "action_done", "action_cancel"):
            with self.assertRaises(AccessError):
                getattr(redemption, step)()
        with self.assertRaises(AccessError):
            redemption.action_refuse("No")

    def test_the_roles_read_every_record_of_the_company(self):
        for role in ROLES:
            for record in self.foreign:
                record.with_user(getattr(self, role)).read()

    def test_the_catalogue_is_the_managers(self):
        for role, allowed in (("sales", False), ("finance", False), ("manager", True)):
            reward = self.reward.with_user(getattr(self, role))
            for operation in ("write", "create", "unlink"):
                self.assertEqual(reward.has_access(operation), allowed)

    def test_the_ledger_is_nobodys_to_write(self):
        for role in ROLES:
            for name in ("referral.wallet", "referral.wallet.entry"):
                for operation in ("write", "create", "unlink"):
                    model = self.env[name].with_user(getattr(self, role))
                    self.assertFalse(model.has_access(operation))

    def test_operators_and_other_colleagues_see_nothing(self):
        users = [
            self._create_user("content_operator"),
            self._create_user("media_operator"),
            new_test_user(self.env, "points_colleague", groups="base.group_user"),
            self.env.ref("base.public_user"),
        ]
        for user in users:
            for name in MODELS:
                model = self.env[name].with_user(user)
                with self.subTest(name, user=user), self.assertRaises(AccessError):
                    model.search([])

    def test_another_companys_records_are_invisible(self):
        # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        for role in ROLES:
            user = getattr(self, role)
            user.write({"company_ids": [(6, 0, company.ids)], "company_id": company.id})
            for record in self.foreign:
                with self.subTest(role=role, model=record._name):
                    mine = self.env[record._name].with_user(user)
                    self.assertNotIn(record.id, mine.search([]).ids)
                    with self.assertRaises(AccessError):
                        mine.browse(record.id).read()
