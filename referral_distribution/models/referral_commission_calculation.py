from decimal import Decimal

from odoo import api, fields, models

READERS = "referral_distribution.group_finance,referral_distribution.group_manager"


class ReferralCommission(models.Model):
    """A reward keeps what it was computed from, and can be computed again (rule C8)."""

    _inherit = "referral.commission"

    calculation_id = fields.Many2one(
        "referral.calculation",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups=READERS,
        help="What the amount was computed from. Empty for what is granted by hand or"
        " takes a reward back, and for rewards from before this was kept.",
    )
    replay_state = fields.Selection(
        [
            ("same", "The same"),
            ("differs", "Differs"),
            ("none", "Nothing to compute again"),
            ("unreadable", "Cannot be read by this version"),
        ],
        string="Computed again",
        compute="_compute_replay",
        groups=READERS,
    )
    replayed_amount = fields.Monetary(
        string="Amount computed again", compute="_compute_replay", groups=READERS
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Keep the ``inputs`` of what is written; one row for all that share them."""
        computed, given = {}, []
        for vals in vals_list:
            inputs = vals.pop("inputs", None)
            if inputs is not None:
                computed[id(inputs)] = vals["company_id"], inputs
                given.append((vals, id(inputs)))
        rows = self.env["referral.calculation"]._keep(list(computed.values()))
        kept = dict(zip(computed, rows, strict=True))
        for vals, key in given:
            vals["calculation_id"] = kept[key].id
        return super().create(vals_list)

    @api.depends("calculation_id", "amount")
    def _compute_replay(self):
        replayed = self._replay()
        for line in self:
            line.replay_state, amount = replayed[line]
            line.replayed_amount = float(amount or 0)

    def _replay(self):
        """Compute these rewards again, from what was kept with them alone.

        :return: ``{line: (state, amount)}``: "same" or "differs" with the Decimal the
            engine gives now (0 when it gives nothing any more), "none" with None where
            nothing was kept, "unreadable" where this version cannot read it.
        """
        found = {}
        for calculation, lines in self.sudo().grouped("calculation_id").items():
            try:
                computed = calculation._compute_lines() if calculation else []
            except (ValueError, ArithmeticError, KeyError):
                found.update(dict.fromkeys(lines, ("unreadable", None)))
                continue
            for line in lines:
                found[line] = line._compare(computed) if calculation else ("none", None)
        return {line: found[line.sudo()] for line in self}

    def _compare(self, computed):
        """Return state and amount of one reward among the engine's ``computed``."""
        self.ensure_one()
        same = [
            line
            for line in computed
            if (line.rule, line.level) == (self.rule_id.id, self.level)
        ]
        if len(same) > 1:  # the beneficiary may have been merged since: ask last
            same = [line for line in same if line.person == self.partner_id.id]
        amount = sum((line.amount for line in same), Decimal(0))
        equal = not self.currency_id.compare_amounts(float(amount), self.amount)
        return ("same" if equal else "differs", amount)

    def action_replay(self):
        """Compute the selected rewards again, and show those that differ.

        :return: window action on those that differ or cannot be read; a notice when
            there are none.
        :raises AccessError: unless the user has the finance or manager role.
        """
        self.env.user._referral_require("group_finance", "group_manager")
        self.check_access("read")
        states = {line: state for line, (state, _amount) in self._replay().items()}
        wrong = [line.id for line in self if states[line] in ("differs", "unreadable")]
        if wrong:
            action = self.env["ir.actions.act_window"]._for_xml_id(
                "referral_distribution.referral_commission_action_differing"
            )
            return {**action, "domain": [("id", "in", wrong)]}
        same = sum(state == "same" for state in states.values())
        message = self.env._(
            "%(same)s rewards come out the same. %(rest)s have nothing to compute"
            " again.",
            same=same,
            rest=len(self) - same,
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": message},
        }
