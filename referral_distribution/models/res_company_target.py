from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import target


class ResCompany(models.Model):
    """Which hosts besides the own site personal links may lead to (threat S2)."""

    _inherit = "res.company"

    referral_target_hosts = fields.Text(
        string="Outside hosts",
        help="One on each line, for example mp.weixin.qq.com. Links to a host that is"
        " taken off the list are switched off.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean_target_hosts(vals) for vals in vals_list])

    def write(self, vals):
        result = super().write(self._clean_target_hosts(vals))
        if "referral_target_hosts" in vals:
            self.env["referral.link"]._close_foreign_targets(self)
        return result

    @api.model
    def _clean_target_hosts(self, vals):
        """Return ``vals`` with the hosts spelled as browsers send them.

        :raises UserError: on a line that is no host.
        """
        if "referral_target_hosts" not in vals:
            return vals
        try:
            hosts = target.read_hosts(vals["referral_target_hosts"])
        except ValueError as error:
            raise UserError(self._get_host_problem(error.args[0])) from error
        return {**vals, "referral_target_hosts": "\n".join(hosts) or False}

    @api.model
    def _get_host_problem(self, found):
        if isinstance(found, int):
            return self.env._(
                "The list has %(count)s hosts. Up to %(most)s are possible.",
                count=found,
                most=target.MAX_HOSTS,
            )
        return self.env._(
            "“%(line)s” is no host that links may lead to. Write one host on each line,"
            " for example mp.weixin.qq.com: no path, no port, no number and no *.",
            line=found[:100],
        )
