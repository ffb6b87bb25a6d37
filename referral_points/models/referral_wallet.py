from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_list, formatLang

from .. import ledger, ledger_sql


class ReferralWallet(models.Model):
    """The points of one member at one company: a ledger and its two sums (P1, P2).

    ``balance`` is what the member has (below zero: owes), ``held`` the part of it that
    waits for open redemptions, ``available`` the rest. All three follow from the
    entries, and only :meth:`_post` and :meth:`_post_batch` write them::

        wallet = env["referral.wallet"]._of(member, company)
        wallet._post("earn", 10, f"lead:{lead.id}")
        hold = wallet._post("hold", 4, "order:7:hold")
        wallet._post("redeem", 4, "order:7:redeem", hold=hold)
    """

    _name = "referral.wallet"
    _description = "Points Wallet"
    _order = "balance desc, id"
    _rec_names_search = ("partner_id",)

    partner_id = fields.Many2one(
        "res.partner", string="Member", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, ondelete="restrict"
    )
    balance = fields.Float(digits=(16, 2), required=True, default=0.0, readonly=True)
    held = fields.Float(
        digits=(16, 2),
        required=True,
        default=0.0,
        readonly=True,
        help="Points of the balance that wait for open redemptions.",
    )
    available = fields.Float(
        digits=(16, 2),
        compute="_compute_available",
        help="What can be redeemed now: balance minus held. Below zero: a debt that"
        " later earnings pay first.",
    )
    entry_ids = fields.One2many("referral.wallet.entry", "wallet_id", readonly=True)

    _partner_company_unique = models.Constraint(
        "UNIQUE (partner_id, company_id)",
        "A member has one wallet per company.",
    )
    _held_not_negative = models.Constraint(
        "CHECK (held >= 0)", "A wallet cannot hold less than nothing."
    )
    # NaN and Infinity pass every other comparison in PostgreSQL's numeric.
    _sums_finite = models.Constraint(
        "CHECK (abs(balance) < 'Infinity' AND held < 'Infinity')",
        "The sums of a wallet are finite numbers.",
    )

    @api.depends("balance", "held")
    def _compute_available(self):
        for wallet in self:
            wallet.available = wallet.balance - wallet.held

    @api.depends("partner_id", "company_id")
    @api.depends_context("allowed_company_ids")
    def _compute_display_name(self):
        several = len(self.env.companies) > 1
        for wallet in self:
            names = [wallet.partner_id.display_name or ""]
            if several:
                names.append(wallet.company_id.name)
            wallet.display_name = " · ".join(names)

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            raise AccessError(
                self.env._(
                    "A wallet is opened by itself with the first points it gets."
                )
            )
        return super().create(vals_list)

    def write(self, vals):
        if self:
            raise AccessError(
                self.env._("A wallet changes through its entries only, never by hand.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise AccessError(self.env._("A wallet and its history are kept for good."))

    def action_view_entries(self):
        """Open the wallet's entries, newest first.

        :return: window action on referral.wallet.entry.
        """
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_points.referral_wallet_entry_action"
        )
        action["domain"] = [("wallet_id", "=", self.id)]
        action["context"] = {}
        return action

    @api.model
    def _of(self, partner, company):
        """Return the member's wallet at the company, opened on first use.

        :param partner: res.partner, the member.
        :param company: res.company.
        """
        return self._of_many([(partner.id, company.id)])[partner.id, company.id]

    @api.model
    def _of_many(self, pairs):
        """Return ``{(partner id, company id): wallet}``, opening what is missing.

        Of two transactions that open the same wallet at once, the later one gets a
        serialization failure, is tried again by Odoo, and finds it.

        :param pairs: (partner id, company id) tuples.
        """
        pairs = sorted(set(pairs))
        found = ledger_sql.find_wallets(self.env, pairs)
        missing = [pair for pair in pairs if pair not in found]
        if missing:
            found |= ledger_sql.open_wallets(self.env, missing)
        return {pair: self.browse(found[pair]) for pair in pairs}

    def _post(
        self, entry_type, points, idempotency_key, origin_ref=None, note=None, hold=None
    ):
        """Write one entry and move the sums with it; all or nothing.

        :param str entry_type: a key of ``ledger.EFFECTS``.
        :param points: int, float or Decimal points, at most two decimals; positive,
            except that ``adjust`` also takes negative ones.
        :param str idempotency_key: names this posting for ever. The same key with the
            same input returns the entry already written (threat W4).
        :param str origin_ref: ``"model,id"`` of the document that causes it.
        :param str note: a sentence for the member, where there is no document.
        :param hold: the ``hold`` entry that a ``release`` or ``redeem`` ends.
        :return: the referral.wallet.entry.
        :raises UserError: amount is no number of points (W6, W7), not enough points
            available (W1), key used for other input (W5), hold already ended (W12).
        """
        self.ensure_one()
        return self._post_batch(
            [
                {
                    "wallet_id": self.id,
                    "entry_type": entry_type,
                    "points": points,
                    "idempotency_key": idempotency_key,
                    "origin_ref": origin_ref,
                    "note": note,
                    "hold_id": hold.id if hold else None,
                }
            ]
        )

    @api.model
    def _post_batch(self, vals_list):
        """Write many entries in a fixed number of statements; all or nothing.

        Within a wallet they count in the order given: an earning first in the list can
        pay for a hold behind it. Wallets are locked by ascending id (ledger rule 5).

        :param vals_list: dicts with ``wallet_id`` and the arguments of :meth:`_post`
            (``hold_id`` instead of ``hold``).
        :return: the entries, in the order given, also those that were there before.
        :raises UserError: as :meth:`_post`; then nothing is written.
        """
        postings = [self._prepare_posting(vals) for vals in vals_list]
        keys = [posting.idempotency_key for posting in postings]
        known = ledger_sql.find_entries(self.env, keys)
        ids = {key: entry.entry_id for key, entry in known.items()}
        new = self._get_new_postings(postings, known)
        if new:
            self._check_holds(new)
            posted = ledger_sql.apply(self.env, new)
            if not posted:
                self._raise_not_enough(new)
            ids |= posted
            wallets = self.browse({posting.wallet_id for posting in new})
            wallets.invalidate_recordset(
                ["balance", "held", "available", "entry_ids"], flush=False
            )
        return self.env["referral.wallet.entry"].browse(ids[key] for key in keys)

    @api.model
    def _prepare_posting(self, vals):
        effect = ledger.EFFECTS.get(vals["entry_type"])
        if effect is None:
            raise UserError(self.env._("There is no such kind of wallet entry."))
        if not vals["idempotency_key"] or not vals["wallet_id"]:
            raise UserError(self.env._("A posting names its wallet and its own key."))
        if effect.closes != bool(vals.get("hold_id")):
            raise UserError(
                self.env._("Releasing and redeeming end one hold; nothing else does.")
            )
        points = self._parse_points(vals["points"], effect.signed)
        return ledger.Posting(**{**vals, "points": points})

    @api.model
    def _parse_points(self, value, signed=False):
        """Return ``value`` as exact Decimal points (threats W6, W7).

        :raises UserError: saying what is wrong with it.
        """
        try:
            return ledger.parse_points(value, signed)
        except ledger.InvalidPoints as error:
            messages = {
                "type": self.env._("Points must be a number."),
                "finite": self.env._("Points must be a finite number."),
                "zero": self.env._("The number of points must not be zero."),
                "negative": self.env._("The number of points must be positive."),
                "precision": self.env._("Points have at most two decimals."),
                "range": self.env._("That is more points than one entry can move."),
            }
            raise UserError(messages[error.reason]) from error

    @api.model
    def _get_new_postings(self, postings, known):
        """Leave out what is already written; refuse a key with other input (W4, W5)."""
        new = {}
        for posting in postings:
            key = posting.idempotency_key
            same_key = known.get(key) or new.get(key)
            if same_key is None:
                new[key] = posting
            elif same_key.input_hash != posting.input_hash:
                raise UserError(
                    self.env._(
                        "“%(key)s” was already posted with other figures. Nothing was"
                        " written.",
                        key=key,
                    )
                )
        return list(new.values())

    @api.model
    def _check_holds(self, postings):
        """Check that each ending ends a whole, open hold of its own wallet (W12)."""
        endings = [posting for posting in postings if posting.hold_id]
        if not endings:
            return
        holds = ledger_sql.find_open_holds(self.env, [p.hold_id for p in endings])
        for posting in endings:
            # Popped: two endings of one hold in the same batch are one too many.
            hold = holds.pop(posting.hold_id, None)
            if hold != (posting.wallet_id, posting.points):
                raise UserError(
                    self.env._(
                        "These points are no longer held: they were already released"
                        " or redeemed, or the number differs."
                    )
                )

    @api.model
    def _raise_not_enough(self, postings):
        """Name the wallets that cannot pay (threats W1, W3)."""
        spending = {posting.wallet_id for posting in postings if posting.needs_funds}
        wallets = self.sudo().browse(sorted(spending))
        wallets.invalidate_recordset(["balance", "held", "available"], flush=False)
        raise UserError(
            self.env._(
                "Not enough points. Available: %(wallets)s.",
                wallets=format_list(
                    self.env,
                    [
                        f"{wallet.partner_id.display_name}"
                        f" {formatLang(self.env, wallet.available)}"
                        for wallet in wallets
                    ],
                ),
            )
        )

    def _verify(self):
        """Compare the wallets with their entries (rule P1).

        :return: a list of dicts ``wallet_id``, ``entry_id`` (or None) and ``problem``:
            "sum" (sums are not those of the entries), "running" (an entry's balance
            does not follow from the one before), "hold" (an ending that fits no hold).
            Empty when all is intact.
        """
        return ledger_sql.find_problems(self.env, self.ids)
