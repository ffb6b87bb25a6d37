from odoo import fields, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    blog_post_id = fields.Many2one(
        "blog.post",
        string="Article",
        related="referral_link_id.blog_post_id",
        store=True,
        index="btree_not_null",
        help="The article whose link the visitor came through (rule L1).",
    )
