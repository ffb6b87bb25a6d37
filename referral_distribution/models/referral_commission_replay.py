import logging
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import canonical
from ..engine import commission as engine
from ..engine.replay import Given, compare
from .referral_commission_base import to_bases
from .referral_commission_calculation import READERS

WRONG = ("differs", "unreadable")

_logger = logging.getLogger(__name__)


class ReferralCommission(models.Model):
    """Rewards are computed again from what was kept with them alone (rule C8).

    Read and compared in batches, for one reward that is looked at as for a million
    that are checked at night; see ``referral.replay``.
    """

    _inherit = "referral.commission"

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
    replay_line_ids = fields.One2many(
        "referral.replay.line", "commission_id", groups=READERS
    )

    @api.depends("calculation_id", "amount")
    def _compute_replay(self):
        replayed = self._replay()
        for line in self:
            state, amount = replayed.get(line, ("none", None))
            line.replay_state, line.replayed_amount = state, float(amount or 0)

    def _replay(self):
        """Compute these rewards again, from what was kept with them alone.

        :return: ``{line: (state, amount)}``: "same" or "differs" with the Decimal the
            engine gives now (0 when it gives nothing any more), "none" with None where
            nothing was kept, "unreadable" where this version cannot read it.
        """
        found = self._query_replay(SQL("line.id = ANY(%s)", self.ids))
        return {line: found[line.id] for line in self if line.id in found}

    @api.model
    def _query_replay(self, where):
        """Return ``{id: (state, amount)}`` of the rewards that meet ``where``.

        :param where: SQL condition on ``referral_commission line``.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT line.id, line.calculation_id, line.rule_id, line.level,
                    line.partner_id, line.amount::text,
                    COALESCE(NULLIF(line.full_amount, 0), line.amount)::text,
                    currency.rounding::text, line.explanation ->> 'given',
                    line.explanation -> 'rests_on'
                FROM referral_commission line
                JOIN res_currency currency ON currency.id = line.currency_id
                WHERE %s ORDER BY line.id
                """,
                where,
            )
        )
        computed = self._query_computed({row[1] for row in rows if row[1]})
        found = {}
        for line_id, calculation_id, *given in rows:
            lines = computed.get(calculation_id)
            if lines is not None:
                found[line_id] = compare(_to_given(*given), lines)
            else:
                found[line_id] = ("unreadable" if calculation_id else "none", None)
        return found

    @api.model
    def _query_computed(self, ids):
        """Return ``{calculation id: engine lines}``, without those that cannot be read.

        Rules are read once for all contracts that were measured by them.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT id, facts, rules FROM referral_calculation WHERE id = ANY(%s)",
                sorted(ids),
            )
        )
        known, found = {}, {}
        for calculation_id, facts, rules in rows:
            try:
                if rules not in known:
                    known[rules] = canonical.read(tuple[engine.Rule, ...], rules)
                told = canonical.read(engine.Facts, facts)
                found[calculation_id] = engine.compute(told, known[rules], failed=[])
            except Exception:  # whatever it is: one row never stops the rest
                _logger.info("%s is unreadable", calculation_id, exc_info=True)
        return found

    def action_replay(self):
        """Compute the selected rewards again, and show those that differ.

        :return: window action on those that differ or cannot be read; a notice when
            there are none.
        :raises AccessError: unless the user has the finance or manager role.
        """
        self.env.user._referral_require("group_finance", "group_manager")
        self.check_access("read")
        states = {line: state for line, (state, _amount) in self._replay().items()}
        wrong = [line.id for line, state in states.items() if state in WRONG]
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


def _to_given(rule, level, person, *figures):
    *figures, bases = figures
    figures = [Decimal(figure or 0) for figure in figures]
    return Given(rule, level, person, *figures, to_bases(bases or ()))
