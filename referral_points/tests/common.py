from odoo.tests import TransactionCase, new_test_user


class PointsCommon(TransactionCase):
    """A company with an active member and one user per role."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.points_currency = cls.env.ref("referral_points.currency_pts")
        cls.member = cls._create_member("Mei")
        cls.sales = cls._create_user("sales")
        cls.finance = cls._create_user("finance")
        cls.cashier = cls._create_user("finance", login="points_cashier")
        cls.manager = cls._create_user("manager")
        cls.portal = new_test_user(
            cls.env, "points_portal", groups="base.group_portal", name="Mei's login"
        )
        cls.portal.partner_id.member_state = "active"

    @classmethod
    def _create_member(cls, name, **vals):
        return cls.env["res.partner"].create(
            {"name": name, "member_state": "active", **vals}
        )

    @classmethod
    def _create_user(cls, role, login=None):
        return new_test_user(
            cls.env,
            login or f"points_{role}",
            groups=f"referral_distribution.group_{role}",
        )

    @classmethod
    def _open_wallet(cls, points=0, member=None):
        """Return the member's wallet with ``points`` earned."""
        wallet = cls.env["referral.wallet"]._of(member or cls.member, cls.company)
        if points:
            wallet._post("earn", points, f"test:{wallet.id}:{len(wallet.entry_ids)}")
        return wallet

    @classmethod
    def _create_reward(cls, kind="privilege", points=100, **vals):
        product = cls.env["product.product"].create(
            {"name": f"Reward {kind}", "type": "service", "taxes_id": False}
        )
        return cls.env["referral.reward"].create(
            {
                "name": product.name,
                "product_id": product.id,
                "kind": kind,
                "points": points,
                **vals,
            }
        )

    def _request(self, reward, quantity=1, member=None, user=None):
        """Return a draft redemption, as typed in by the sales role."""
        return (
            self.env["referral.redemption"]
            .with_user(user or self.sales)
            .create(
                {
                    "partner_id": (member or self.member).id,
                    "reward_id": reward.id,
                    "quantity": quantity,
                }
            )
        )

    def assertSums(self, wallet, balance, held=0.0):
        """The wallet has these sums and they are those of its entries (rule P1)."""
        self.assertEqual((wallet.balance, wallet.held), (balance, held))
        self.assertEqual(wallet.available, balance - held)
        self.assertEqual(wallet._verify(), [])
