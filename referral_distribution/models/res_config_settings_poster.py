from odoo import api, fields, models

from .referral_poster_design import FONT_PARAMETER


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_poster_font = fields.Char(
        string="Font file", config_parameter=FONT_PARAMETER
    )
    referral_poster_lacks_chinese = fields.Boolean(
        compute="_compute_referral_poster_lacks_chinese"
    )

    @api.depends("company_id")
    def _compute_referral_poster_lacks_chinese(self):
        fonts = self.env["referral.poster.design"]._get_fonts()
        self.referral_poster_lacks_chinese = not fonts.speaks_chinese
