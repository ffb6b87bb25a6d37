from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.own_past import Key


class ReferralSimulationPast(models.Model):
    """What a plan has given so far in a simulation that runs (rule C8).

    Sums that limits and brackets of a period go by, from one batch of contracts to the
    next; gone when the simulation ends.
    """

    _name = "referral.simulation.past"
    _description = "Running Sums of a Simulation"
    _log_access = False

    simulation_id = fields.Many2one(
        "referral.simulation", required=True, ondelete="cascade"
    )
    rule_id = fields.Integer(required=True)
    scope = fields.Char(required=True)
    of_id = fields.Integer(required=True, help="Person or customer.")
    since = fields.Date(help="First day of the month or year.")
    amount = fields.Float(digits=(16, 6), required=True)
    base = fields.Float(digits=(16, 6), required=True)
    times = fields.Integer(required=True)

    _one_per_key = models.UniqueIndex(
        "(simulation_id, of_id, rule_id, scope, COALESCE(since, '0001-01-01'::date))"
    )

    @api.model
    def _query_load(self, simulation, people, customers):
        """Yield ``(key, amount, base, times)`` of what concerns these."""
        rows = self.env.execute_query(
            SQL(
                "SELECT rule_id, scope, of_id, since, amount::text, base::text, times"
                " FROM referral_simulation_past WHERE simulation_id = %s"
                " AND of_id = ANY(CASE scope WHEN 'customer' THEN %s ELSE %s END)",
                simulation.id,
                sorted(customers),
                sorted(people),
            )
        )
        for rule, scope, of_id, since, amount, base, times in rows:
            yield Key(rule, scope, of_id, since), Decimal(amount), Decimal(base), times

    @api.model
    def _query_add(self, simulation, added):
        """Add to the sums; in the transaction that moves the simulation on.

        :param added: ``{key: [amount, base, times]}``.
        """
        if not added:
            return
        keys = list(added)
        columns = [[key[place] for key in keys] for place in range(4)]
        columns += [[added[key][place] for key in keys] for place in range(3)]
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_simulation_past AS past"
                " (simulation_id, rule_id, scope, of_id, since, amount, base, times)"
                " SELECT %s, * FROM unnest(%s::int[], %s::varchar[], %s::int[],"
                "  %s::date[], %s::numeric[], %s::numeric[], %s::int[])"
                " ON CONFLICT (simulation_id, of_id, rule_id, scope,"
                "  COALESCE(since, '0001-01-01'::date)) DO UPDATE SET"
                "  amount = past.amount + EXCLUDED.amount,"
                "  base = past.base + EXCLUDED.base,"
                "  times = past.times + EXCLUDED.times",
                simulation.id,
                *columns,
            )
        )

    @api.model
    def _query_forget(self, simulations):
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_simulation_past WHERE simulation_id = ANY(%s)",
                simulations.ids,
            )
        )
