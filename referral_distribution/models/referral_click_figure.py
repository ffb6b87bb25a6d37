from odoo import fields, models


class ReferralClickFigure(models.Model):
    """How often a link was opened on a day: what reports and counters read (rule X2).

    The clicks themselves are never counted for a screen: there are too many of them,
    and single ones are kept for a time only. They are rolled up here each minute, by
    their ids, each exactly once; see ``_roll_up``.

    Member, channel and company are those of the link when it was counted.
    """

    _name = "referral.click.figure"
    _description = "Clicks a Day"
    _order = "day desc, clicks desc, id desc"
    _rec_name = "link_id"
    _log_access = False

    link_id = fields.Many2one("referral.link", required=True, ondelete="restrict")
    day = fields.Date(required=True, help="The day in the company's time zone.")
    clicks = fields.Integer(required=True, help="One per visitor, link and hour.")
    visitors = fields.Integer(
        required=True, help="Different visitors of this link on this day."
    )
    partner_id = fields.Many2one(
        "res.partner", string="Member", required=True, index=True, ondelete="restrict"
    )
    channel_id = fields.Many2one(
        "referral.channel", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")

    _link_day_unique = models.UniqueIndex(
        "(link_id, day)", "This link has its figures of this day already."
    )
    _day_index = models.Index("(day, company_id)")
