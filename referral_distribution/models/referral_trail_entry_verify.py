from itertools import groupby  # Odoo's own reads all the rows first
from operator import itemgetter
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import chain, seal
from .referral_trail_entry import HASHED, VERSION

PAGE = 20_000  # rows in memory at a time


class Problem(NamedTuple):
    """One break, and where it is. ``kind`` is what ``_get_problem_text`` explains."""

    kind: str
    lead: int | None = None
    entry: int | None = None
    seal: int | None = None


class ReferralTrailEntry(models.Model):
    """Trails are recomputed and compared with heads and seals (threat A1)."""

    _inherit = "referral.trail.entry"

    @api.model
    def _verify(self, leads):
        """Recompute the chains and name every break (threat A1).

        A lead that somebody brought has a trail from its first day; one without any is
        a break too, and so is a trail that is not what a seal says.

        :param leads: crm.lead recordset; deleted ones may be among them.
        :return: list of text, one per problem; empty when all is intact.
        """
        problems, _count = self._find_problems(leads.ids)
        return [self._describe(problem) for problem in problems]

    @api.model
    def _describe(self, problem):
        where = f"crm.lead,{problem.lead}"
        if problem.kind == "missing":
            return f"{where}: no entry at all"
        kind = problem.kind
        if problem.seal is not None:
            kind = f"{kind} otherwise in seal {problem.seal}"
        return f"{where}: entry {problem.entry}: {kind}"

    @api.model
    def _find_problems(self, lead_ids):
        """Return ``(problems, number of entries read)`` of these leads' trails."""
        lead_ids = sorted(lead_ids)
        self.env["crm.lead"].flush_model(["referrer_id"])
        heads = self._query_heads(lead_ids)
        found, told, count = [], set(), 0
        rows = self._stream_links(lead_ids)
        for lead_id, links in groupby(rows, key=itemgetter(0)):  # pylint: disable=bad-builtin-groupby
            told.add(lead_id)
            links = [link for _lead_id, link in links]
            count += len(links)
            head = heads.get(lead_id, (0, chain.START))
            found += [
                Problem(kind, lead_id, sequence)
                for sequence, kind in chain.find_breaks(links, head)
            ]
        for lead_id in heads.keys() - told:
            length, last = heads[lead_id]
            if length or last != chain.START:
                found.append(Problem("tail", lead_id, length))
        brought = self._query_brought(lead_ids)
        gone = brought - told - heads.keys()
        found += [Problem("missing", lead_id) for lead_id in gone]
        found += self._query_otherwise_sealed(lead_ids)
        return sorted(found, key=lambda p: (p.lead, p.entry or 0)), count

    @api.model
    def _query_heads(self, lead_ids):
        rows = self.env.execute_query(
            SQL(
                "SELECT lead_id, entry_count, hash FROM referral_trail_head"
                " WHERE lead_id = ANY(%s)",
                lead_ids,
            )
        )
        return {lead_id: (length, last) for lead_id, length, last in rows}

    @api.model
    def _query_brought(self, lead_ids):
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM crm_lead"
                " WHERE id = ANY(%s) AND referrer_id IS NOT NULL",
                lead_ids,
            )
        )
        return {lead_id for [lead_id] in rows}

    @api.model
    def _query_otherwise_sealed(self, lead_ids):
        """Return a problem for each line of a seal whose entry is not there like that.

        This finds a tail that was cut together with its head.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT line.lead_id, line.entry_count, seal.number"
                " FROM referral_trail_seal_line line"
                " JOIN referral_trail_seal seal ON seal.id = line.seal_id"
                " LEFT JOIN referral_trail_entry entry ON entry.lead_id = line.lead_id"
                "  AND entry.sequence = line.entry_count"
                " WHERE line.lead_id = ANY(%s)"
                "  AND entry.hash IS DISTINCT FROM line.hash",
                lead_ids,
            )
        )
        return [Problem("sealed", *row) for row in rows]

    @api.model
    def _stream_links(self, lead_ids):
        """Yield ``(lead id, link)`` in order, as ``chain.find_breaks`` reads links.

        Read by SQL: a document that is gone has to be read as it was written; in pages,
        so that a million entries need no more memory than a few.
        """
        names = HASHED[VERSION]
        columns = SQL(", ").join(map(SQL.identifier, names))
        after = (0, 0)
        while True:
            rows = self.env.execute_query(
                SQL(
                    "SELECT prev_hash, hash, %s FROM referral_trail_entry"
                    " WHERE lead_id = ANY(%s) AND (lead_id, sequence) > %s"
                    " ORDER BY lead_id, sequence LIMIT %s",
                    columns,
                    lead_ids,
                    after,
                    PAGE,
                )
            )
            for prev_hash, own_hash, *values in rows:
                entry = dict(zip(names, values, strict=True))
                after = entry["lead_id"], entry["sequence"]
                hashed = HASHED.get(entry["version"] or 1, HASHED[1])
                entry = {name: entry[name] for name in hashed}
                entry["occurred_at"] = fields.Datetime.to_string(entry["occurred_at"])
                yield after[0], (after[1], prev_hash, own_hash, entry)
            if len(rows) < PAGE:
                return

    # -------------------------------------------------------------------- seals

    @api.model
    def _find_seal_problems(self, company, after=(0, chain.START), limit=None):
        """Recompute the company's seals in their order.

        :param after: number and hash of the seal before the first to be checked.
        :return: ``(problems, (number, hash) of the last one, how many)``.
        """
        seals = self.env["referral.trail.seal"].sudo()
        domain = [("company_id", "=", company.id), ("number", ">", after[0])]
        found, (number, before) = [], after
        checked = seals.search(domain, order="number", limit=limit)
        for each in checked:
            if each.number != number + 1:
                found.append(Problem("seal_gap", seal=number + 1))
            if each.prev_hash != before:
                found.append(Problem("seal_link", seal=each.number))
            if seal.digest(each.prev_hash, each._get_facts()) != each.hash:
                found.append(Problem("seal_content", seal=each.number))
            lines = each._query_lines()
            told = (each.lead_count, each.lines_hash)
            if (len(lines), seal.digest_lines(lines)) != told:
                found.append(Problem("seal_lines", seal=each.number))
            number, before = each.number, each.hash
        return found, (number, before), len(checked)

    @api.model
    def _compare_file(self, company, told):
        """Compare a seal that was handed out with what is here now.

        :param dict told: what ``engine.seal.read_file`` has read.
        :return: list of ``Problem``.
        """
        domain = [("company_id", "=", company.id), ("number", "=", told["number"])]
        here = self.env["referral.trail.seal"].sudo().search(domain)
        found = []
        if not here:
            found.append(Problem("file_missing", seal=told["number"]))
        elif here.hash != told["hash"] or here._get_facts() != {
            name: told[name] for name in seal.FACTS
        }:
            found.append(Problem("file_differs", seal=told["number"]))
        return found + self._query_compare_lines(told)

    @api.model
    def _query_compare_lines(self, told):
        lines = told.get("lines")
        if not lines:
            return []
        leads, lengths, hashes = map(list, zip(*lines, strict=True))
        rows = self.env.execute_query(
            SQL(
                "SELECT line.lead_id, line.entry_count"
                " FROM unnest(%s::int[], %s::int[], %s::text[])"
                "  AS line (lead_id, entry_count, hash)"
                " LEFT JOIN referral_trail_entry entry ON entry.lead_id = line.lead_id"
                "  AND entry.sequence = line.entry_count"
                " WHERE entry.hash IS DISTINCT FROM line.hash ORDER BY 1",
                leads,
                lengths,
                hashes,
            )
        )
        return [Problem("file_line", *row, told["number"]) for row in rows]
