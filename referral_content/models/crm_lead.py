import hashlib
import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

SAME_REQUEST_WINDOW = timedelta(days=1)


class CrmLead(models.Model):
    _inherit = "crm.lead"

    blog_post_id = fields.Many2one(
        "blog.post",
        string="Article",
        related="referral_link_id.blog_post_id",
        store=True,
        index="btree_not_null",
        help="The article whose link the visitor came through.",
    )
    referral_request_digest = fields.Char(
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="What the visitor wrote into the contact form, as a hash.",
    )

    @api.model
    def _get_request_digest(self, values, custom):
        """Return the hash of what a visitor typed, for visitors of a personal link.

        :param dict values: the form's values for the lead.
        :param str custom: the form's other values, as text.
        :return: False when the visitor came through no personal link.
        """
        attribution = self.env["referral.attribution"]._read()
        if not attribution:
            return False
        typed = json.dumps(
            [attribution.link.id, values, custom], sort_keys=True, default=str
        )
        return hashlib.sha256(typed.encode()).hexdigest()

    @api.model
    def _find_same_request(self, digest):
        """Return the lead that the same form made within a day, or an empty set.

        The link's row is written first: of two forms sent at once, the second waits
        for the first, gets a serialization failure, is tried again by Odoo, and finds
        the lead.
        """
        if not digest:
            return self.browse()
        link = self.env["referral.attribution"]._read().link
        self.env.cr.execute(
            SQL(
                "UPDATE referral_link SET write_date = write_date WHERE id = %s",
                link.id,
            )
        )
        since = fields.Datetime.now() - SAME_REQUEST_WINDOW
        return self.with_context(active_test=False).search(
            [("referral_request_digest", "=", digest), ("create_date", ">=", since)],
            limit=1,
        )
