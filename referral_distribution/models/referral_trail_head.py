from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import chain
from ..engine.immutable import protect
from .kept import KeptMany2one

# A head begins empty and goes forward by one, to an entry that is there and is chained
# to where the head stands.
_FUNCTION = """
CREATE OR REPLACE FUNCTION referral_guard_trail_head() RETURNS trigger
LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.entry_count = 0 AND NEW.hash = repeat('0', 64) THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.id = OLD.id AND NEW.lead_id = OLD.lead_id THEN
        IF NEW.entry_count = OLD.entry_count AND NEW.hash = OLD.hash THEN
            RETURN NEW;
        END IF;
        IF NEW.entry_count = OLD.entry_count + 1 THEN
            PERFORM FROM referral_trail_entry
             WHERE lead_id = NEW.lead_id AND sequence = NEW.entry_count
               AND prev_hash = OLD.hash AND hash = NEW.hash;
            IF FOUND THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'the head of a trail only goes forward, by one entry'
        USING ERRCODE = 'restrict_violation';
END
$body$
"""


class ReferralTrailHead(models.Model):
    """How long a lead's trail is and its last hash: what makes a cut tail show.

    The row is also what two writers of one trail meet at: the second waits, then
    starts over, so a trail never forks (threat A2). It stays when the lead is deleted,
    and keeps the company the lead had last: while there is a lead, ask that.
    """

    _name = "referral.trail.head"
    _description = "Referral Trail Head"
    _log_access = False

    lead_id = KeptMany2one("crm.lead", required=True)
    company_id = fields.Many2one("res.company", ondelete="restrict")
    entry_count = fields.Integer(required=True)
    hash = fields.Char(required=True)

    _lead_unique = models.Constraint("UNIQUE (lead_id)")

    def init(self):
        protect(self.env.cr, self._table, events=("DELETE",))
        self.env.cr.execute(_FUNCTION)
        self.env.cr.execute(
            "CREATE OR REPLACE TRIGGER referral_trail_head_guard_moves"
            " BEFORE INSERT OR UPDATE ON referral_trail_head"
            " FOR EACH ROW EXECUTE FUNCTION referral_guard_trail_head()"
        )

    @api.model
    def _query_claim(self, companies):
        """Make or lock the heads of leads, until the transaction ends.

        :param dict companies: id of each lead's company (or None) by the lead's id, in
            ascending order of the leads' ids, so that nobody waits in a circle.
        :return: ``{lead id: (length, last hash)}``.
        """
        rows = self.env.execute_query(
            SQL(
                "INSERT INTO referral_trail_head AS head"
                " (lead_id, company_id, entry_count, hash)"
                " SELECT lead_id, company_id, 0, %s"
                " FROM unnest(%s::int[], %s::int[]) AS row (lead_id, company_id)"
                " ON CONFLICT (lead_id) DO UPDATE SET company_id = EXCLUDED.company_id"
                " RETURNING lead_id, entry_count, hash",
                chain.START,
                list(companies),
                [company_id or None for company_id in companies.values()],
            )
        )
        return {lead_id: (length, last) for lead_id, length, last in rows}

    @api.model
    def _query_companies(self, lead_ids):
        """Return ``{lead id: company id or None}`` of the leads that have a trail."""
        self.env["crm.lead"].flush_model(["company_id"])
        rows = self.env.execute_query(
            SQL(
                "SELECT head.lead_id, CASE WHEN lead.id IS NULL THEN head.company_id"
                " ELSE lead.company_id END FROM referral_trail_head head"
                " LEFT JOIN crm_lead lead ON lead.id = head.lead_id"
                " WHERE head.lead_id = ANY(%s)",
                list(lead_ids),
            )
        )
        return dict(rows)

    @api.model
    def _query_lengths(self, lead_ids):
        """Return ``{lead id: number of entries}`` of the leads that have a trail."""
        if not lead_ids:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT lead_id, entry_count FROM referral_trail_head"
                " WHERE lead_id = ANY(%s)",
                list(lead_ids),
            )
        )
        return dict(rows)
