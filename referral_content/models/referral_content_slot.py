from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .blog_post import ARTICLE_KINDS


class ReferralContentSlot(models.Model):
    """A place in the editorial plan: what kind of article, by whom, on which day (T3).

    A slot is filled by naming the article; one article fills one slot.
    """

    _name = "referral.content.slot"
    _description = "Content Slot"
    _order = "planned_date, id"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    kind = fields.Selection(ARTICLE_KINDS, required=True, default="service_package")
    responsible_id = fields.Many2one(
        "res.users",
        required=True,
        default=lambda self: self.env.user,
        ondelete="restrict",
        check_company=True,
        domain="[('share', '=', False)]",
    )
    planned_date = fields.Date(
        required=True, default=lambda self: fields.Date.context_today(self), index=True
    )
    blog_post_id = fields.Many2one(
        "blog.post",
        string="Article",
        ondelete="set null",
        domain="[('referral_kind', '=', kind)]",
    )
    state = fields.Selection(
        [("open", "Open"), ("filled", "Filled"), ("late", "Late")],
        compute="_compute_state",
    )

    _article_unique = models.Constraint(
        "UNIQUE (blog_post_id)", "This article fills another slot already."
    )

    @api.depends("blog_post_id", "planned_date")
    def _compute_state(self):
        today = fields.Date.context_today(self)
        for slot in self:
            if slot.blog_post_id:
                slot.state = "filled"
            elif slot.planned_date and slot.planned_date < today:
                slot.state = "late"
            else:
                slot.state = "open"

    @api.depends("kind", "blog_post_id.name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for slot in self:
            kind = kinds.get(slot.kind, "")
            article = slot.blog_post_id.name
            slot.display_name = f"{kind}: {article}" if article else kind

    @api.constrains("kind", "blog_post_id")
    def _check_kind(self):
        for slot in self:
            if slot.blog_post_id and slot.blog_post_id.referral_kind != slot.kind:
                raise ValidationError(
                    self.env._(
                        "%(article)s is of another kind than its slot.",
                        article=slot.blog_post_id.name,
                    )
                )
