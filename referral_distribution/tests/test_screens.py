from lxml import etree

from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.visit import Visit

from .common import ReferralCase

RECORD_VIEWS = ("list", "form", "kanban")


@tagged("post_install", "-at_install")
class TestScreens(ReferralCase):
    """Every screen a role finds in its menu opens and shows its records (rule X1).

    A field whose model a role may not read breaks the whole screen, and only for that
    role: nobody who builds screens as an administrator sees it.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "sales": cls.sales,
            "finance": cls.finance,
            "manager": cls.manager,
            "content": cls.make_user("rd_content", "content_operator"),
            "media": cls.make_user("rd_media", "media_operator"),
        }
        order = cls.make_paid_contract()
        order.with_user(cls.finance).action_referral_confirm()
        order.referral_commission_ids[0].with_user(cls.finance).action_collect()
        cls.make_true_up(order)
        cls._make_registering()
        cls.env["referral.share"].create({"link_id": cls.link.id, "method": "copy"})
        cls.env["referral.click"]._record(cls.link.code, Visit("10.0.0.1", "browser"))
        cls.roll_up()
        cls.make_burst()
        cls.make_hold(cls.make_lead())
        cls.env["referral.territory"].create(
            {
                "agent_id": cls.make_agent("Agent").id,
                "country_id": cls.env.ref("base.cn").id,
                "city": "深圳",
            }
        )
        cls.env["referral.tree.figure"]._count(cls.company)
        cls.make_privacy(cls.env)
        cls.make_explained(cls.plan, cls.make_lead())
        cls.env["referral.compliance.signoff"].with_user(cls.manager).create(
            {"reason": "Opinion of counsel"}
        )
        tier = cls.env.ref("referral_distribution.res_partner_grade_agent").id
        cls.member.grade_id = tier
        cls.env["referral.tier.rule"].create(
            {"name": "R", "grade_id": tier, "min_valid_leads": 1}
        )
        cls.env["referral.inviter.change"].create(
            {"partner_id": cls.member.id, "reason": "Top of its own tree"}
        )

    @classmethod
    def _make_registering(cls):
        env = cls.env(user=cls.manager)
        env["referral.member.import"].create({})
        cls.make_rate()
        for user in (cls.manager, cls.users["media"]):
            cls.env["referral.link.batch"].with_user(user).create({})
        env["referral.invite.code.batch"].create({"partner_ids": cls.member.ids})
        cls.env["referral.api.request"]._answer_once("key", "method", {}, dict)
        cls.env["referral.trail.seal"]._seal(cls.company)
        cls.env["referral.trail.check"]._start(cls.company)

    def find_actions(self, user):
        """Yield the window actions of this addon in the user's menu."""
        visible = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
        actions = self.env["ir.model.data"].search(
            [
                ("module", "=", "referral_distribution"),
                ("model", "=", "ir.actions.act_window"),
            ]
        )
        own = set(actions.mapped("res_id"))
        for menu in self.env["ir.ui.menu"].browse(visible):
            action = menu.action
            if action and action.type == "ir.actions.act_window" and action.id in own:
                yield action

    def get_specification(self, node):
        """Return what the web client would ask to read for an arch."""
        specification = {}
        for field in node.iterfind(".//field"):
            above = field.getparent()
            while above is not None and above is not node and above.tag != "field":
                above = above.getparent()
            if above is node:
                inside = self.get_specification(field) or {"display_name": {}}
                specification[field.get("name")] = {"fields": inside}
        return specification

    def open(self, action, user):
        model = self.env[action.res_model].with_user(user)
        views = [
            (view, kind)
            for view, kind in action._get_action_dict()["views"]
            if kind in RECORD_VIEWS
        ]
        shown = model.get_views(views)
        for kind, view in shown["views"].items():
            specification = self.get_specification(etree.fromstring(view["arch"]))
            for name in list(specification):
                field = model._fields.get(name)
                if field is None:
                    del specification[name]
                elif not field.relational:
                    specification[name] = {}
            self.env.invalidate_all()
            yield kind, model.web_search_read([], specification, limit=5)

    def test_every_screen_in_the_menu_opens(self):
        opened = 0
        for role, user in self.users.items():
            for action in self.find_actions(user):
                if action.res_model == "res.config.settings":
                    continue
                with self.subTest(role=role, action=action.name):
                    for kind, result in self.open(action, user):
                        self.assertTrue(result["records"], (role, action.name, kind))
                        opened += 1
        self.assertGreater(opened, 40)
