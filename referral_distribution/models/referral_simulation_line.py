from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, float_repr


class ReferralSimulationLine(models.Model):
    """What one person would have got under a plan, and what it really got (rule C8).

    Rows are summed up by the simulation in SQL, and read by people.
    """

    _name = "referral.simulation.line"
    _description = "Result of a Simulation"
    _rec_name = "partner_id"
    _order = "simulation_id desc, simulated desc, id"
    _log_access = False

    simulation_id = fields.Many2one(
        "referral.simulation", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="simulation_id.company_id")
    partner_id = fields.Many2one(
        "res.partner", string="Person", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one("res.currency", required=True, ondelete="restrict")
    contract_count = fields.Integer(
        string="Contracts", help="That the person would earn on."
    )
    simulated = fields.Monetary()
    paid = fields.Monetary(
        string="Really given", help="What was taken back of it is deducted."
    )
    difference = fields.Monetary()

    _one_per_person = models.UniqueIndex("(simulation_id, partner_id, currency_id)")

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            self._refuse()
        return super().create(vals_list)

    def write(self, vals):
        if self:
            self._refuse()
        return super().write(vals)

    def _refuse(self):
        raise UserError(self.env._("Results of a simulation are not edited."))

    def _format_plain(self, amount):
        """Return an amount as a table's cell, with a point and no separators."""
        self.ensure_one()
        return float_repr(amount, self.currency_id.decimal_places)

    @api.model
    def _query_add(self, simulation, sums):
        """Add to what is there of each person.

        :param sums: ``{(partner id, currency id): [contracts, simulated, paid]}``.
        """
        if not sums:
            return
        keys = sorted(sums)  # in one order for everybody
        columns = [[key[0] for key in keys], [key[1] for key in keys]]
        columns += [[sums[key][place] for key in keys] for place in range(3)]
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_simulation_line AS line (simulation_id,"
                "  partner_id, currency_id, contract_count, simulated, paid,"
                "  difference)"
                " SELECT %s, partner, currency, contracts, simulated, paid,"
                "  simulated - paid"
                " FROM unnest(%s::int[], %s::int[], %s::int[], %s::numeric[],"
                "  %s::numeric[])"
                "  AS part (partner, currency, contracts, simulated, paid)"
                " ON CONFLICT (simulation_id, partner_id, currency_id) DO UPDATE SET"
                "  contract_count = line.contract_count + EXCLUDED.contract_count,"
                "  simulated = line.simulated + EXCLUDED.simulated,"
                "  paid = line.paid + EXCLUDED.paid,"
                "  difference = line.difference + EXCLUDED.difference",
                simulation.id,
                *columns,
            )
        )
        self.invalidate_model(flush=False)
