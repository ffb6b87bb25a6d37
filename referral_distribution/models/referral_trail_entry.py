from collections import Counter
from datetime import datetime
from typing import NamedTuple

from psycopg2.extras import Json, execute_values

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import chain
from ..engine.immutable import protect
from .kept import KeptMany2one

# What an entry's hash covers, by the version it was written in: what is added to
# entries later is covered from then on, and the older ones still verify.
_FIRST = (
    "lead_id",
    "sequence",
    "node",
    "occurred_at",
    "actor_id",
    "document",
    "content",
)
HASHED = {1: _FIRST, 2: (*_FIRST, "partner_id", "version")}
VERSION = max(HASHED)
# What an entry's content may say, in the order a reader wants it. People stand there
# as ids: a name could not be taken out again without breaking the chain, and somebody
# may ask for that (PIPL Art. 47, GDPR Art. 17).
CONTENT_KEYS = (
    "who",
    "channel",
    "name",
    "page",
    "from",
    "to",
    "into",
    "rule",
    "territory",
    "team",
    "document",
    "amount",
    "reason",
)
CONTENT_MODELS = {
    "who": "res.partner",
    "into": "crm.lead",
    "rule": "referral.hold.rule",
    "territory": "referral.territory",
    "team": "crm.team",
}
# What ``from_id`` and ``to_id`` are ids of, by node.
MOVED_MODELS = {"assigned": "res.users", "reattributed": "res.partner"}


class Step(NamedTuple):
    """What ``_append_each`` is to write: one entry of one lead."""

    lead_id: int
    company_id: int | None  # the lead's, which may be gone by now
    node: str
    content: dict
    document: str | None = None  # "model,id"; the lead itself by default
    occurred_at: datetime | None = None  # UTC, if it was not just now


class ReferralTrailEntry(models.Model):
    """Every node of a lead's life, for good (rule L3).

    Entries are written by ``_append`` alone, through SQL; the ORM refuses create,
    write and unlink for everybody, and the table's triggers refuse UPDATE and DELETE
    for everything else. Each entry is chained to the one before it: ``_verify`` finds
    what was changed behind the triggers' back.
    """

    _name = "referral.trail.entry"
    _description = "Referral Trail Entry"
    _rec_name = "node"
    _order = "lead_id, sequence"
    _log_access = False

    lead_id = KeptMany2one("crm.lead", required=True, index=True)
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        search="_search_company_id",
        compute_sudo=True,
        help="The lead's; of a deleted lead the one it had last.",
    )
    lead_deleted = fields.Boolean(
        string="Lead deleted",
        compute="_compute_lead_deleted",
        search="_search_lead_deleted",
        compute_sudo=True,
    )
    sequence = fields.Integer(required=True)
    node = fields.Selection(
        [
            ("shared", "Shared"),
            ("clicked", "Clicked"),
            ("created", "Lead created"),
            ("reattributed", "Referrer changed"),
            ("assigned", "Assigned"),
            ("stage_changed", "Stage changed"),
            ("converted", "Made an opportunity"),
            ("held", "Reward held"),
            ("released", "Reward released"),
            ("withheld", "Reward refused"),
            ("validated", "Found valid"),
            ("invalidated", "Found invalid"),
            ("reopened", "Review reopened"),
            ("lost", "Lost"),
            ("restored", "Restored"),
            ("split", "Split"),
            ("merged", "Merged"),
            ("deleted", "Deleted"),
            ("quoted", "Quoted"),
            ("contracted", "Contract signed"),
            ("rephased", "Phase changed"),
            ("invoiced", "Invoiced"),
            ("paid", "Paid"),
            ("confirmed", "Confirmed by finance"),
            ("refused", "Refused by finance"),
            ("unconfirmed", "Confirmation taken back"),
            ("rewarded", "Rewarded"),
            ("refunded", "Refunded"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
    )
    occurred_at = fields.Datetime(required=True)
    actor_id = fields.Many2one(
        "res.users", string="Person", required=True, ondelete="restrict"
    )
    partner_id = KeptMany2one(
        "res.partner",
        string="Contact",
        help="Who acted in the portal.",
    )
    document = fields.Reference(selection="_selection_document")
    content = fields.Json(string="Facts", required=True)
    content_text = fields.Char(string="Content", compute="_compute_content_text")
    prev_hash = fields.Char(required=True)
    hash = fields.Char(required=True)
    version = fields.Integer(help="Which columns the hash covers; empty is 1.")

    _lead_sequence_unique = models.Constraint("UNIQUE (lead_id, sequence)")
    _validated_index = models.Index("(occurred_at) WHERE node = 'validated'")

    def init(self):
        protect(self.env.cr, self._table)

    @api.model
    def _selection_document(self):
        """Models an entry may point to. A hook for addons."""
        names = (
            "crm.lead",
            "sale.order",
            "account.move",
            "referral.link",
            "referral.commission",
        )
        return [(name, self.env["ir.model"]._get(name).name) for name in names]

    @api.depends("lead_id")
    def _compute_company_id(self):
        found = self.env["referral.trail.head"]._query_companies(self.lead_id.ids)
        for entry in self:
            entry.company_id = found.get(entry.lead_id.id)

    def _search_company_id(self, operator, value):
        """Record rules ask this of each entry, so it is no list of leads."""
        if operator != "in":
            return NotImplemented
        ids = [company_id for company_id in value if company_id]
        company = SQL("CASE WHEN lead.id IS NULL THEN head.company_id")
        company = SQL("%s ELSE lead.company_id END", company)
        fits = SQL("%s = ANY(%s)", company, ids)
        if False in value:
            fits = SQL("(%s OR %s IS NULL)", fits, company)
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "EXISTS (SELECT FROM referral_trail_head head"
                " LEFT JOIN crm_lead lead ON lead.id = head.lead_id"
                " WHERE head.lead_id = %s AND %s)",
                SQL.identifier(alias, "lead_id"),
                fits,
            )
        )

    @api.depends("lead_id")
    def _compute_lead_deleted(self):
        present = set(self.lead_id.exists().ids)
        for entry in self:
            entry.lead_deleted = entry.lead_id.id not in present

    def _search_lead_deleted(self, operator, value):
        if operator != "in":
            return NotImplemented
        is_there = SQL("EXISTS") if False in value else SQL("NOT EXISTS")
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "%s (SELECT FROM crm_lead lead WHERE lead.id = %s)",
                is_there,
                SQL.identifier(alias, "lead_id"),
            )
        )

    @api.depends("content")
    def _compute_content_text(self):
        names = self._read_content_names()
        for entry in self:
            facts = entry.content or {}
            entry.content_text = " · ".join(
                entry._get_fact_text(key, facts, names)
                for key in CONTENT_KEYS
                if facts.get(key) or facts.get(f"{key}_id")
            )

    def _get_fact_text(self, key, facts, names):
        """Return one fact; whom or what it names by id is looked up."""
        moved = MOVED_MODELS.get(self.node) if key in ("from", "to") else None
        model = moved or CONTENT_MODELS.get(key)
        found = names.get((model, facts.get(f"{key}_id") or facts.get(key)))
        return found or str(facts.get(key) or facts[f"{key}_id"])

    def _get_named_ids(self):
        """Return ``{(model, id)}`` of the records that the facts name by id."""
        found = set()
        for entry in self:
            facts = entry.content or {}
            moved = MOVED_MODELS.get(entry.node)
            found |= {(moved, facts.get(key)) for key in ("from_id", "to_id")}
            found |= {(CONTENT_MODELS[k], facts.get(k)) for k in CONTENT_MODELS}
        return {(m, i) for m, i in found if m and i and isinstance(i, int)}

    def _read_content_names(self):
        """Return ``{(model, id): name}`` of the records that the facts name by id."""
        ids_of = {}
        for model, record_id in self._get_named_ids():
            ids_of.setdefault(model, []).append(record_id)
        # who may read an entry may know whom and what it is about
        return {
            (model, record.id): record.display_name
            for model, ids in ids_of.items()
            for record in self.env[model].sudo().browse(ids).exists()
        }

    # Odoo's merge of contacts writes to what it found, which is nothing: that passes.
    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            raise UserError(self.env._("Trail entries are written by the system only."))
        return super().create(vals_list)

    def write(self, vals):
        if self:
            raise UserError(self.env._("A trail entry is never changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A trail entry is never deleted."))

    @api.model
    def _append(
        self,
        leads,
        node,
        document=None,
        content=None,
        occurred_at=None,
        partner=None,
    ):
        """Add one entry to each lead's trail.

        :param leads: crm.lead recordset; empty: nothing happens.
        :param str node: a key of ``node``.
        :param document: the record the entry is about; the lead itself by default.
        :param dict content: what a reader needs to know, as text and whole numbers.
        :param occurred_at: UTC datetime; now by default.
        :param partner: the res.partner who acted; of a portal user the contact by
            default.
        """
        document = document and f"{document._name},{document.id}"
        rest = (node, content or {}, document, occurred_at)
        steps = [
            Step(lead.id, lead.company_id.id, *rest) for lead in leads.sudo().exists()
        ]
        self._append_each(steps, partner)

    @api.model
    def _append_each(self, steps, partner=None):
        """Add entries of different leads and nodes in one go.

        :param steps: list of ``Step``; several of one lead follow each other.
        :param partner: as ``_append`` takes it.
        """
        rounds, seen = {}, Counter()
        for step in steps:
            rounds.setdefault(seen[step.lead_id], []).append(step)
            seen[step.lead_id] += 1
        shared = {
            "actor_id": self.env.uid,
            "partner_id": (partner or self._get_acting_contact()).id or None,
            "version": VERSION,
        }
        for batch in rounds.values():
            batch.sort(key=lambda step: step.lead_id)
            self._append_round(batch, shared)
        leads = self.env["crm.lead"].browse(seen)
        leads.invalidate_recordset(["referral_trail_ids"])

    @api.model
    def _get_acting_contact(self):
        """Return who acts in the portal: a contact rather than one of the staff."""
        user = self.env.user
        return user.partner_id if user._is_portal() else self.env["res.partner"]

    @api.model
    def _append_round(self, steps, shared):
        """Write one entry a lead, in the order of the leads' ids."""
        heads = self.env["referral.trail.head"]._query_claim(
            {step.lead_id: step.company_id for step in steps}
        )
        rows, now = [], fields.Datetime.now()
        for step in steps:
            length, before = heads[step.lead_id]
            occurred_at = (step.occurred_at or now).replace(microsecond=0)
            entry = {
                "lead_id": step.lead_id,
                "sequence": length + 1,
                "node": step.node,
                "document": step.document or f"crm.lead,{step.lead_id}",
                "content": step.content,
                "occurred_at": fields.Datetime.to_string(occurred_at),
                **shared,
            }
            rows.append((entry, before, chain.digest(before, entry)))
        self._query_insert(rows)

    @api.model
    def _query_insert(self, rows):
        """Write entries of different leads, and move the claimed heads on to them.

        :param rows: list of ``(entry as the hash covers it, hash before, own hash)``.
        """
        names = list(rows[0][0])
        execute_values(
            self.env.cr._obj,
            "WITH entry AS (INSERT INTO referral_trail_entry"
            f" ({', '.join(names)}, prev_hash, hash) VALUES %s RETURNING lead_id, hash)"
            " UPDATE referral_trail_head AS head"
            " SET entry_count = head.entry_count + 1, hash = entry.hash"
            " FROM entry WHERE head.lead_id = entry.lead_id",
            [
                (*({**entry, "content": Json(entry["content"])}.values()), before, own)
                for entry, before, own in rows
            ],
            page_size=len(rows),
        )
