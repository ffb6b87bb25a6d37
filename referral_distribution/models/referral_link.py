from odoo import api, fields, models

from ..engine import link_code


class ReferralLink(models.Model):
    """A member's personal link to one page for one channel: ``/s/<code>`` (rule S2).

    Where it may lead is in ``referral_link_target``, whether it is open and what it is
    called in ``referral_link_state``, how it is made in ``referral_link_obtain``.
    """

    _name = "referral.link"
    _inherit = "mail.thread"
    _description = "Referral Link"
    _rec_name = "code"
    _order = "id desc"
    _check_company_auto = True

    code = fields.Char(
        required=True, readonly=True, copy=False, default=lambda self: self._new_code()
    )
    active = fields.Boolean(default=True, tracking=True)
    merged = fields.Boolean(
        required=True,
        readonly=True,
        default=False,
        help="Came with a contact that was merged into this member, who has a link to"
        " the same page already. Both work.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner", string="Member", required=True, index=True, ondelete="restrict"
    )
    channel_id = fields.Many2one(
        "referral.channel",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    target_url = fields.Char(
        string="Page",
        required=True,
        tracking=True,
        help="A page of the own site, written as in the address bar (/blog), or an"
        " https address on one of the company's outside hosts. Code, clicks and leads"
        " stay with the link when the page changes.",
    )
    lead_ids = fields.One2many("crm.lead", "referral_link_id", string="Leads")
    share_ids = fields.One2many("referral.share", "link_id", string="Shares")

    _code_unique = models.Constraint("UNIQUE (code)", "This link code exists already.")
    _member_channel_target_unique = models.UniqueIndex(
        "(company_id, partner_id, channel_id, md5(target_url)) WHERE NOT merged",
        "This member already has a link to this page for this channel.",
    )

    @api.model
    def _new_code(self):
        """Return 12 signs with 69 random bits: not to be guessed."""
        return link_code.generate(1)[0]

    @api.model
    def _prepare_merge(self, sources, stays):
        """Make room for the links of contacts that are merged: both codes were shared.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets their links.
        """
        links = self.sudo().with_context(active_test=False)
        links = links.search([("partner_id", "in", (sources | stays).ids)])
        same = links.grouped(lambda k: (k.company_id, k.channel_id, k.target_url))
        for found in same.values():
            first = found.sorted(lambda k: (k.merged, k.partner_id != stays, k.id))[0]
            (found - first).merged = True

    @api.model
    def _get_shareable_contents(self, member, search="", offset=0, limit=12):
        """Return what a member can share, a page of it: a hook for content addons.

        :param member: res.partner that will share.
        :return: ``(contents, total)``; a content is a dict with ``title``,
            ``summary``, ``url`` (path), ``image_url`` (or False), ``kind_label``.
        """
        name = self.env.company.name
        front = {
            "title": name,
            "summary": self.env._("The front page of our site"),
            "url": "/",
            "image_url": False,
            "kind_label": self.env._("Website"),
        }
        found = [front] if search.lower() in name.lower() else []
        return found[offset : offset + limit], len(found)
