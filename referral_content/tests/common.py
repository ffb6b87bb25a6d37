from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user


class ContentCase(TransactionCase):
    """A blog, its people, and one article of the operator ``anna``.

    ``anna`` and ``ben`` are content operators, ``max`` is the new-media operator,
    ``sam`` reviews leads, ``eve`` is the manager, ``dora`` edits Odoo's website,
    ``mia`` is a member with a portal login.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        role = "referral_distribution.group_"
        for name, groups in {
            "anna": f"{role}content_operator",
            "ben": f"{role}content_operator",
            "max": f"{role}media_operator",
            "sam": f"{role}sales",
            "eve": f"{role}manager",
            "dora": "website.group_website_designer",
            "mia": "base.group_portal",
        }.items():
            if "portal" not in groups:
                groups = f"base.group_user,{groups}"
            user = new_test_user(cls.env, login=f"content.{name}", groups=groups)
            setattr(cls, name, user)
        cls.member = cls.mia.partner_id
        cls.member.member_state = "active"
        cls.blog = cls.env["blog.blog"].create({"name": "Cases"})
        cls.channel = cls.env["referral.channel"].create(
            {"name": "Community", "platform": "community"}
        )
        cls.website_channel = cls.env["referral.channel"].create(
            {"name": "Website", "platform": "website"}
        )
        cls.article = cls.make_article(cls.anna, "A factory in Suzhou")

    @classmethod
    def make_article(cls, author, name, **values):
        values = {
            "name": name,
            "blog_id": cls.blog.id,
            "referral_kind": "service_package",
            **values,
        }
        post = cls.env["blog.post"].with_user(author).create(values)
        return post.with_env(cls.env)

    @classmethod
    def approve(cls, *articles):
        for article in articles:
            article.with_user(cls.anna).action_referral_submit()
            article.with_user(cls.ben).action_referral_approve()

    @classmethod
    def publish(cls, *articles):
        cls.approve(*articles)
        for article in articles:
            article.with_user(cls.ben).is_published = True

    @classmethod
    def make_link(cls, article, member=None, channel=None):
        return cls.env["referral.link"]._obtain(
            member or cls.member, channel or cls.channel, article.website_url
        )

    @classmethod
    def make_lead(cls, link, **values):
        return cls.env["crm.lead"].create(
            {
                "name": "An enquiry",
                "type": "opportunity",
                "partner_id": cls.env["res.partner"].create({"name": "A buyer"}).id,
                "referral_link_id": link.id,
                **values,
            }
        )

    @classmethod
    def make_contract(cls, lead, amount):
        product = cls.env["product.product"].create(
            {"name": "A service", "type": "service", "taxes_id": [Command.clear()]}
        )
        order = cls.env["sale.order"].create(
            {
                "partner_id": lead.partner_id.id,
                "opportunity_id": lead.id,
                "order_line": [
                    Command.create({"product_id": product.id, "price_unit": amount})
                ],
            }
        )
        order.action_confirm()
        return order
