from dataclasses import replace

from odoo import models


class SaleOrder(models.Model):
    """A contract that is measured by another plan; nothing is given (rule C8)."""

    _inherit = "sale.order"

    def _get_facts_to_measure(self, trigger, rules):
        """Return a list of facts of the contract, as if all of it were paid. A hook.

        :param str trigger: one of ``referral_simulation.TRIGGERS``.
        :param rules: referral.plan.rule of the plan to measure by.
        """
        documents = self
        if trigger == "order_line":
            documents = self._get_referral_lines()
        # whom it has really paid is no matter of the plan that is tried
        return [
            replace(one._prepare_referral_facts(trigger, rules), paid=())
            for one in documents
        ]
