from odoo import fields, models


class ReferralContentRejection(models.TransientModel):
    """Asks the reviewer why an article goes back (rule T1)."""

    _name = "referral.content.rejection"
    _description = "Reject Article"

    blog_post_id = fields.Many2one(
        "blog.post", string="Article", required=True, readonly=True, ondelete="cascade"
    )
    reason = fields.Text(required=True)

    def action_reject(self):
        """Reject the article for the given reason.

        :raises UserError: as ``blog.post.action_referral_reject`` does.
        """
        self.ensure_one()
        self.blog_post_id.action_referral_reject(self.reason)
        return {"type": "ir.actions.act_window_close"}
