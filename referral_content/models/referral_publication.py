from odoo import api, fields, models
from odoo.exceptions import UserError


class ReferralPublication(models.Model):
    """One article on one channel: when it is planned, when it went out, by whom (T4).

    The operator who publishes it there is the spreader, answerable for conversion
    together with the article's originator.
    """

    _name = "referral.publication"
    _description = "Publication"
    _order = "planned_at desc, id desc"
    _rec_name = "blog_post_id"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    blog_post_id = fields.Many2one(
        "blog.post",
        string="Article",
        required=True,
        ondelete="cascade",
        domain="[('referral_kind', '!=', False)]",
    )
    channel_id = fields.Many2one(
        "referral.channel",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    operator_id = fields.Many2one(
        "res.users",
        string="New-media operator",
        required=True,
        default=lambda self: self.env.user,
        index=True,
        ondelete="restrict",
        check_company=True,
        domain="[('share', '=', False)]",
    )
    planned_at = fields.Datetime(
        string="Planned for", required=True, default=fields.Datetime.now
    )
    published_at = fields.Datetime(
        string="Published on", readonly=True, copy=False, index="btree_not_null"
    )

    _article_channel_unique = models.Constraint(
        "UNIQUE (blog_post_id, channel_id)",
        "This article is planned for this channel already.",
    )

    @api.constrains("published_at", "blog_post_id")
    def _check_published_is_approved(self):
        for publication in self.filtered("published_at"):
            article = publication.blog_post_id
            if not article.referral_kind or article.review_state != "approved":
                article._raise_not_approved(article.name)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_published(self):
        if any(publication.published_at for publication in self):
            raise UserError(
                self.env._("What was published stays on record: its figures need it.")
            )

    def action_mark_published(self):
        """Record that the article went out on the channel, now (rule T4).

        On the company's own website this also publishes the article itself. What was
        marked before keeps its time.

        :raises ValidationError: when an article is not approved (rule T1).
        """
        due = self.filtered(lambda publication: not publication.published_at)
        due.write({"published_at": fields.Datetime.now()})
        due.filtered(
            lambda publication: (
                publication.channel_id.kind == "own"
                and publication.channel_id.platform == "website"
            )
        ).blog_post_id._publish_on_website()
