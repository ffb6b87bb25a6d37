from decimal import Decimal
from math import isfinite

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, float_repr
from odoo.tools.misc import formatLang

from . import gate
from .referral_commission import SOURCES
from .true_up_events import Event


class ReferralCommission(models.Model):
    """Rewards are taken back by new lines with a negative amount (rules L2, C7).

    A reward and what was taken back of it add up: the sum of a member's lines is what
    the member is left with, whatever their states. What was paid out before is owed:
    points leave the wallet at once, money is netted by the next settlement. What was
    not paid yet never is.

    ``reversed_amount`` of the reward is where two reversals meet: one conditional
    statement moves it, so that together they never take back more than was given.
    """

    _inherit = "referral.commission"

    reverses_id = fields.Many2one(
        "referral.commission",
        string="Takes back",
        index="btree_not_null",
        ondelete="restrict",
        help="The reward that this line takes back, in whole or in part.",
    )
    reversal_ids = fields.One2many(
        "referral.commission", "reverses_id", string="Taken back by"
    )
    reversed_amount = fields.Monetary(
        string="Taken back", required=True, default=0.0, copy=False
    )

    _reversed_amount_range = models.Constraint(
        "CHECK (reversed_amount BETWEEN 0 AND GREATEST(amount, 0))",
        "No more is taken back than was given.",
    )
    _reversed_in_whole = models.Constraint(
        "CHECK (CASE WHEN reverses_id IS NULL"
        " THEN (state = 'reversed') = (reversed_amount = amount)"
        " ELSE state <> 'reversed' END)",
        "A reward is reversed once all of it is taken back, and not before.",
    )

    def _get_explanation(self):
        if not self.reverses_id:
            return super()._get_explanation()
        return self.env._(
            "%(amount)s, taken back of %(reward)s: %(reason)s",
            amount=self._format_paid(self.amount),
            reward=self.reverses_id._get_explanation(),
            reason=self._get_reason(),
        )

    def _get_reason(self):
        """Return why this takes a reward back, in the reader's language."""
        facts = self.explanation or {}
        if "event" in facts:
            return self.env["sale.order"]._get_event_text(
                Event(facts["event"], facts.get("document", ""))
            )
        return facts.get("reason", "")

    def _reverse(self, reason, amount=None):
        """Take rewards back, and the inviters' shares of them too (rules L2, C7, M4).

        Taken back again, they are left alone. Of two transactions that take back the
        same reward, the later fails on its row and is tried again by Odoo.

        :param str reason: for the beneficiary; required.
        :param amount: float or Decimal in the currency of the one line, above zero:
            what to take back of it. By default all that is left of each line.
        :return: the reversing lines; empty when nothing was left.
        :raises UserError: without a reason; when more is asked for than is left; when
            a settlement that was submitted holds a line. Nothing is changed then.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that the member can learn."))
        rewards = self.sudo()
        parts = rewards._get_parts(amount)
        parts = {**parts, **rewards._get_parts_of_shares(parts)}
        return rewards._take_back(parts, reason.strip())

    @api.model
    def _take_back(self, parts, reason):
        """Take back exactly these parts, in one go; see ``_reverse``.

        :param parts: ``{reward: what to take back of it}``
        :param reason: str, or ``Event``.
        """
        lines = self.browse(line.id for line in parts).sorted("id")
        lines._check_reversible()
        lines._check_netted(parts)
        paid = lines.filtered(lambda line: line._is_paid_out())
        lines._query_take_back(parts)
        reversals = self.create(
            [line._prepare_reversal_vals(parts[line], reason) for line in lines]
        )
        reversals.filtered(lambda line: line.reverses_id in paid)._approve()
        reversals.filtered(lambda line: line.reverses_id not in paid)._cancel_out()
        return reversals

    def _get_left(self):
        """Return what has not been taken back of a reward, in its currency."""
        self.ensure_one()
        return self.currency_id.round(self.amount - self.reversed_amount)

    def _get_parts(self, amount):
        """Return ``{line: what to take back of it}``, of what is left."""
        if amount is None:
            return {line: line._get_left() for line in self if line.state != "reversed"}
        self.ensure_one()
        finite = isfinite(amount)
        part = self.currency_id.round(float(amount)) if finite else 0
        if not 0 < part <= self._get_left():
            raise UserError(
                self.env._(
                    "Up to %(left)s can be taken back of %(line)s.",
                    left=formatLang(
                        self.env, self._get_left(), currency_obj=self.currency_id
                    ),
                    line=self.display_name,
                )
            )
        return {self: part}

    def _get_parts_of_shares(self, parts):
        """Return what inviters have of ``parts``, in proportion (rule M4).

        Each share is taken back to the last cent together with the last of what it is
        a share of; roundings on the way do not add up.
        """
        groups = self._find_kin().grouped(
            lambda line: (line._is_share(), line._get_kin_key())
        )
        found = {}
        for (is_share, key), lines in groups.items():
            bases = groups.get((False, key), self.browse()) if is_share else ()
            for share in lines if is_share else ():
                own = share._filter_shared(bases)
                taken = sum(parts.get(base, 0) for base in own)
                whole = all(parts.get(base) == base._get_left() for base in own)
                if not taken:
                    continue
                left = share._get_left()
                part = share.amount * taken / share._get_shared_amount()
                part = left if whole else min(share.currency_id.round(part), left)
                if share not in parts and part > 0:
                    found[share] = part
        return found

    def _is_share(self):
        return bool(self.rule_id) and self.rule_id._is_share()

    def _filter_shared(self, rewards):
        """Return those of ``rewards`` that this is a share of: the referrer's own."""
        referrer = int((self.explanation or {}).get("of") or 0)
        return rewards.filtered(
            lambda line: not referrer or line.partner_id.id == referrer
        )

    def _get_shared_amount(self):
        """Return what was given of the reward that this is a share of.

        A share "out of" the reward has left less of it than it was computed from.
        """
        given_up = (self.explanation or {}).get("left")
        return float(given_up) if given_up else self.base_amount

    def _find_kin(self):
        """Return the standing rewards for the leads, contracts, shares of these."""
        domain = Domain("reverses_id", "=", False) & Domain("state", "!=", "reversed")
        domain &= Domain("trigger", "in", self.mapped("trigger"))
        domain &= Domain.OR(
            Domain(name, "in", self[name].ids) for name in SOURCES if self[name]
        )
        return self.search(domain)

    def _get_kin_key(self):
        names = ("company_id", "currency_id", "plan_id", *SOURCES)
        return (self.trigger, *(self[name].id for name in names))

    def _check_reversible(self):
        for line in self:
            if line.reverses_id:
                raise UserError(
                    self.env._(
                        "%(line)s takes a reward back itself.", line=line.display_name
                    )
                )
            settlement = line.settlement_id
            if settlement.state == "submitted":
                raise UserError(
                    self.env._(
                        "%(line)s is in the settlement %(settlement)s, which waits for"
                        " its approval. Take it back to draft, and it pays that much"
                        " less; or approve it, and the next settlement takes the"
                        " amount back.",
                        line=line.display_name,
                        settlement=settlement.display_name,
                    )
                )

    def _check_netted(self, parts):
        """Refuse the rest of what was netted in part before it was paid.

        So it is after the bill that paid it was cancelled: it has to be paid first.
        """
        for line in self:
            elsewhere = line.reversal_ids.settlement_id - line.settlement_id
            if (
                elsewhere
                and not line._is_paid_out()
                and parts[line] == line._get_left()
            ):
                raise UserError(
                    self.env._(
                        "A part of %(line)s was netted with the settlement"
                        " %(settlement)s, so it has to be paid before the rest is taken"
                        " back: settle it first.",
                        line=line.display_name,
                        settlement=elsewhere[0].display_name,
                    )
                )

    def _is_paid_out(self):
        """Tell whether the beneficiary has it, or a bill for it."""
        return self.state == "settled" or self.settlement_id.state in (
            "approved",
            "paid",
        )

    def _query_take_back(self, parts):
        """Move what is taken back of each reward, if that much is left of it."""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "UPDATE referral_commission line"
                " SET reversed_amount = line.reversed_amount + part.amount,"
                "  state = CASE WHEN line.reversed_amount + part.amount = line.amount"
                "    THEN 'reversed' ELSE line.state END,"
                "  write_uid = %s, write_date = %s"
                " FROM unnest(%s::int[], %s::numeric[]) AS part (id, amount)"
                " WHERE line.id = part.id AND line.reverses_id IS NULL"
                "  AND line.reversed_amount + part.amount <= line.amount"
                " RETURNING line.id",
                self.env.uid,
                self.env.cr.now(),
                self.ids,
                [line._to_decimal(parts[line]) for line in self],
            )
        )
        self.invalidate_recordset(flush=False)
        if len(rows) < len(self):
            raise UserError(
                self.env._("Somebody else has just taken this back. Look again.")
            )

    def _to_decimal(self, amount):
        return Decimal(float_repr(amount, self.currency_id.decimal_places))

    def _prepare_reversal_vals(self, part, reason):
        """Return the values of the line that takes ``part`` of this one back."""
        self.ensure_one()
        [vals] = self.copy_data(
            {
                "amount": -part,
                "base_amount": self.amount,
                "base_currency_id": self.currency_id.id,
                "state": "pending",
                "settlement_id": not self._is_paid_out() and self.settlement_id.id,
                "reverses_id": self.id,
                "explanation": (
                    {"event": reason.kind, "document": reason.document}
                    if isinstance(reason, Event)
                    else {"reason": reason}
                ),
            }
        )
        return vals

    def _cancel_out(self):
        """What is taken back before it was paid is never paid.

        A part of a reward goes into the same settlement as the rest, a draft that holds
        it pays less; once all of it is taken back, there is nothing to settle.
        """
        self._set_state("approved")
        drafts = self.settlement_id
        whole = self.reverses_id.filtered(lambda line: line.state == "reversed")
        gone = whole | whole.reversal_ids
        gate.opened(gone.filtered("settlement_id")).write({"settlement_id": False})
        whole.reversal_ids._set_state("settled")
        self._log_rewards()
        drafts._shrink()
