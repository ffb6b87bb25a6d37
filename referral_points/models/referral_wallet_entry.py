from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError

from odoo.addons.referral_distribution.engine.immutable import protect

from .. import ledger

_CLOSING_TYPES = ", ".join(f"'{name}'" for name in ledger.closing_types())


class ReferralWalletEntry(models.Model):
    """One fact of a points ledger, written once and kept for good (rules P1, P2).

    ``points`` is positive (``adjust`` alone has two directions); what the entry does
    to its wallet stands in ``balance_change`` and ``held_change``, so the sums of
    these columns are the wallet's balance and held points at any time.

    Entries are inserted by ``referral.wallet._post`` and ``_post_batch`` through SQL.
    The ORM refuses create, write and unlink for everybody, and triggers of the table
    refuse UPDATE, DELETE and TRUNCATE for everything else (threat W8).
    """

    _name = "referral.wallet.entry"
    _description = "Wallet Entry"
    _order = "id desc"
    _rec_name = "reason"
    _log_access = False

    wallet_id = fields.Many2one("referral.wallet", required=True, ondelete="restrict")
    partner_id = fields.Many2one(related="wallet_id.partner_id")
    company_id = fields.Many2one(related="wallet_id.company_id")
    posted_at = fields.Datetime(string="Date", required=True)
    posted_by_id = fields.Many2one(
        "res.users", string="Posted by", required=True, ondelete="restrict"
    )
    entry_type = fields.Selection(
        [
            ("earn", "Earned"),
            ("hold", "Held"),
            ("release", "Released"),
            ("redeem", "Redeemed"),
            ("expire", "Expired"),
            ("adjust", "Adjusted"),
            ("reverse", "Reversed"),
        ],
        string="Kind",
        required=True,
    )
    points = fields.Float(digits=(16, 2), required=True)
    balance_change = fields.Float(string="Balance ±", digits=(16, 2), required=True)
    held_change = fields.Float(string="Held ±", digits=(16, 2), required=True)
    balance_after = fields.Float(
        digits=(16, 2), required=True, aggregator=None, help="Balance with this entry."
    )
    held_after = fields.Float(
        digits=(16, 2), required=True, aggregator=None, help="Held with this entry."
    )
    hold_id = fields.Many2one(
        "referral.wallet.entry",
        string="Ends hold",
        ondelete="restrict",
        help="The held points that this entry releases or redeems.",
    )
    origin_ref = fields.Reference(
        selection="_selection_origin",
        string="Origin",
        help="The document that caused this entry.",
    )
    note = fields.Char()
    reason = fields.Char(compute="_compute_reason", compute_sudo=True)
    idempotency_key = fields.Char(required=True)
    input_hash = fields.Char(required=True)

    _idempotency_key_unique = models.Constraint(
        "UNIQUE (idempotency_key)", "This entry was already posted."
    )
    _idempotency_key_filled = models.Constraint(
        "CHECK (idempotency_key <> '')", "An entry has a key of its own."
    )
    _hold_ended_once = models.UniqueIndex(
        "(hold_id) WHERE hold_id IS NOT NULL",
        "These points were already released or redeemed.",
    )
    _wallet_history_index = models.Index("(wallet_id, id DESC)")
    _points_finite = models.Constraint(
        f"CHECK ({ledger.finite_sql('points')})",
        "Points are a finite number with at most two decimals.",
    )
    _effect_matches_type = models.Constraint(
        f"CHECK ({ledger.effect_sql()})",
        "The kind of an entry decides what it does to the balance and the held points.",
    )
    _hold_matches_type = models.Constraint(
        f"CHECK ((entry_type IN ({_CLOSING_TYPES})) = (hold_id IS NOT NULL))",
        "Releasing and redeeming end one hold; nothing else does.",
    )

    def init(self):
        protect(self.env.cr, self._table)

    @api.model
    def _selection_origin(self):
        """Models an entry may come from. A hook for addons: each of them has a method
        ``_get_wallet_reason()`` that tells a member why points moved."""
        names = ("referral.commission", "referral.redemption")
        return [(name, self.env["ir.model"]._get(name).name) for name in names]

    @api.depends("origin_ref", "note", "entry_type")
    @api.depends_context("lang")
    def _compute_reason(self):
        origins = self._get_origins()
        labels = dict(self._fields["entry_type"]._description_selection(self.env))
        for entry in self:
            origin = origins.get(entry.id)
            entry.reason = (
                entry.note
                or (origin and origin._get_wallet_reason())
                or labels[entry.entry_type]
            )

    def _get_origins(self):
        """Return ``{entry id: origin}``, prefetched together per model."""
        ids_per_model = defaultdict(dict)
        for entry in self:
            if entry.origin_ref:
                ids_per_model[entry.origin_ref._name][entry.id] = entry.origin_ref.id
        origins = {}
        for name, ids in ids_per_model.items():
            records = self.env[name].browse(set(ids.values())).exists()
            found = records.grouped("id")
            origins.update({entry: found.get(id_) for entry, id_ in ids.items()})
        return origins

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            raise AccessError(
                self.env._(
                    "Wallet entries are posted by the wallet, never made by hand."
                )
            )
        return super().create(vals_list)

    def write(self, vals):
        if self:  # Odoo's merge of contacts writes to what it found: nothing
            raise AccessError(
                self.env._("A wallet entry never changes. Correct it with a new one.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise AccessError(
            self.env._("A wallet entry is kept for good. Correct it with a new one.")
        )

    def action_open_origin(self):
        """Open the document that caused the entry.

        :return: window action, or False when there is no document.
        """
        self.ensure_one()
        return bool(self.origin_ref) and self.origin_ref.get_formview_action()
