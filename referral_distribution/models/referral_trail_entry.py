from psycopg2.extras import Json, execute_values

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import chain
from ..engine.immutable import protect

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
    "document",
    "amount",
    "reason",
)
CONTENT_MODELS = {"who": "res.partner", "into": "crm.lead"}


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

    lead_id = fields.Many2one(
        "crm.lead", required=True, index=True, ondelete="restrict"
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
            ("invoiced", "Invoiced"),
            ("paid", "Paid"),
            ("confirmed", "Confirmed by finance"),
            ("refused", "Refused by finance"),
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
    document = fields.Reference(selection="_selection_document")
    content = fields.Json(string="Facts", required=True)
    content_text = fields.Char(string="Content", compute="_compute_content_text")
    prev_hash = fields.Char(required=True)
    hash = fields.Char(required=True)

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

    @api.depends("content")
    def _compute_content_text(self):
        names = self._read_content_names()
        for entry in self:
            facts = entry.content or {}
            entry.content_text = " · ".join(
                names.get((key, facts[key]), str(facts[key]))
                for key in CONTENT_KEYS
                if facts.get(key)
            )

    def _read_content_names(self):
        """Return ``{(key, id): name}`` of the records that the facts name by id."""
        names = {}
        for key, model in CONTENT_MODELS.items():
            found = {(entry.content or {}).get(key) for entry in self}
            ids = [value for value in found if isinstance(value, int)]
            # who may read an entry may know whom and what it is about
            for record in self.env[model].sudo().browse(ids).exists():
                names[key, record.id] = record.display_name
        return names

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
    def _append(self, leads, node, document=None, content=None, occurred_at=None):
        """Add one entry to each lead's trail.

        :param leads: crm.lead recordset; empty: nothing happens.
        :param str node: a key of ``node``.
        :param document: the record the entry is about; the lead itself by default.
        :param dict content: what a reader needs to know, as text and whole numbers.
        :param occurred_at: UTC datetime; now by default.
        """
        leads = leads.sudo().exists().sorted("id")
        if not leads:
            return
        occurred_at = (occurred_at or fields.Datetime.now()).replace(microsecond=0)
        heads = self._query_claim_heads(leads.ids)
        rows = []
        for lead in leads:
            length, before = heads[lead.id]
            reference = document if document is not None else lead
            entry = {
                "lead_id": lead.id,
                "sequence": length,
                "node": node,
                "occurred_at": fields.Datetime.to_string(occurred_at),
                "actor_id": self.env.uid,
                "document": f"{reference._name},{reference.id}",
                "content": content or {},
            }
            rows.append((entry, before, chain.digest(before, entry)))
        self._query_insert(rows)
        leads.invalidate_recordset(["referral_trail_ids"])

    @api.model
    def _query_claim_heads(self, lead_ids):
        """Lengthen each head by one; return ``{lead id: (new length, last hash)}``."""
        rows = self.env.execute_query(
            SQL(
                "INSERT INTO referral_trail_head AS head (lead_id, entry_count, hash)"
                " SELECT unnest(%s), 1, %s"
                " ON CONFLICT (lead_id) DO UPDATE"
                " SET entry_count = head.entry_count + 1"
                " RETURNING lead_id, entry_count, hash",
                lead_ids,
                chain.START,
            )
        )
        return {lead_id: (length, before) for lead_id, length, before in rows}

    @api.model
    def _query_insert(self, rows):
        cursor = self.env.cr._obj
        names = list(rows[0][0])
        execute_values(
            cursor,
            f"INSERT INTO referral_trail_entry ({', '.join(names)}, prev_hash, hash)"
            " VALUES %s",
            [
                (*({**entry, "content": Json(entry["content"])}.values()), before, own)
                for entry, before, own in rows
            ],
        )
        execute_values(
            cursor,
            "UPDATE referral_trail_head AS head SET hash = new.hash"
            " FROM (VALUES %s) AS new (lead_id, hash) WHERE head.lead_id = new.lead_id",
            [(entry["lead_id"], own) for entry, _before, own in rows],
        )

    @api.model
    def _verify(self, leads):
        """Recompute the chains and name every break (threat A1).

        A lead that somebody brought has a trail from its first day; one without any is
        a break too.

        :param leads: crm.lead recordset.
        :return: list of text, one per problem; empty when all is intact.
        """
        heads = {
            head.lead_id.id: (head.entry_count, head.hash)
            for head in self.env["referral.trail.head"]
            .sudo()
            .search([("lead_id", "in", leads.ids)])
        }
        trails = self._query_links(leads.ids)
        told = trails.keys() | heads.keys()
        brought = leads.sudo().exists().filtered("referrer_id")
        return [
            f"crm.lead,{lead_id}: entry {sequence}: {problem}"
            for lead_id in sorted(told)
            for sequence, problem in chain.find_breaks(
                trails.get(lead_id, []), heads.get(lead_id, (0, chain.START))
            )
        ] + [
            f"crm.lead,{lead_id}: no entry at all"
            for lead_id in sorted(set(brought.ids) - told)
        ]

    @api.model
    def _query_links(self, lead_ids):
        """Return ``{lead id: links}``, each as ``chain.find_breaks`` reads them.

        Read by SQL: a document that is gone has to be read as it was written.
        """
        names = ("lead_id", "sequence", "node", "occurred_at", "actor_id", "document")
        rows = self.env.execute_query(
            SQL(
                "SELECT prev_hash, hash, content, %s FROM referral_trail_entry"
                " WHERE lead_id = ANY(%s) ORDER BY lead_id, sequence",
                SQL(", ").join(map(SQL.identifier, names)),
                lead_ids,
            )
        )
        links = {}
        for prev_hash, own_hash, content, *values in rows:
            entry = dict(zip(names, values, strict=True), content=content)
            entry["occurred_at"] = fields.Datetime.to_string(entry["occurred_at"])
            links.setdefault(entry["lead_id"], []).append(
                (entry["sequence"], prev_hash, own_hash, entry)
            )
        return links
