from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class ReferralReplayLine(models.Model):
    """A reward that comes out differently from what was kept with it (rule C8).

    One row a reward, for as long as it differs; written by the nightly check.
    """

    _name = "referral.replay.line"
    _description = "Reward That Comes Out Differently"
    _rec_name = "commission_id"
    _order = "id desc"
    _log_access = False

    replay_id = fields.Many2one(
        "referral.replay",
        string="Found by",
        required=True,
        index=True,
        ondelete="cascade",
        help="The last check that found it.",
    )
    commission_id = fields.Many2one(
        "referral.commission", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="commission_id.company_id")
    partner_id = fields.Many2one(related="commission_id.partner_id")
    currency_id = fields.Many2one(related="commission_id.currency_id")
    amount = fields.Monetary(related="commission_id.amount", string="Given")
    state = fields.Selection(
        [("differs", "Differs"), ("unreadable", "Cannot be read by this version")],
        required=True,
    )
    replayed_amount = fields.Monetary(string="Computed again")
    found_at = fields.Datetime(string="First found", required=True)

    _one_per_reward = models.UniqueIndex("(commission_id)")

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
        raise UserError(self.env._("What a check has found is not edited."))

    @api.model
    def _query_note(self, replay, wrong, first, last):
        """Note what is wrong among the rewards ``first`` to ``last``, and nothing else.

        :param wrong: ``{commission id: (state, amount)}``.
        :return: how many of them were not known before.
        """
        ids = sorted(wrong)
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_replay_line line USING referral_commission reward"
                " WHERE reward.id = line.commission_id AND reward.company_id = %s"
                " AND reward.id BETWEEN %s AND %s AND reward.id <> ALL(%s)",
                replay.company_id.id,
                first,
                last,
                ids,
            )
        )
        rows = self.env.execute_query(
            SQL(
                "INSERT INTO referral_replay_line AS line"
                " (replay_id, commission_id, state, replayed_amount, found_at)"
                " SELECT %s, reward, state, amount, %s"
                " FROM unnest(%s::int[], %s::varchar[], %s::numeric[])"
                "  AS told (reward, state, amount)"
                " ON CONFLICT (commission_id) DO UPDATE SET"
                "  replay_id = EXCLUDED.replay_id, state = EXCLUDED.state,"
                "  replayed_amount = EXCLUDED.replayed_amount"
                " RETURNING xmax = 0",
                replay.id,
                fields.Datetime.now(),
                ids,
                [wrong[id_][0] for id_ in ids],
                [wrong[id_][1] for id_ in ids],
            )
        )
        self.invalidate_model(flush=False)
        return sum(new for [new] in rows)
