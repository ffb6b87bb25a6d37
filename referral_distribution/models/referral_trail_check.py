import time

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import chain
from . import gate
from .referral_trail_entry_verify import Problem

SLICE = 2_000  # leads at a time
SEALS = 10  # seals at a time: each may have 50,000 lines
PATIENCE = 20  # seconds that who asks waits; the job does the rest
SHOWN = 200  # breaks that are listed; all are counted


class ReferralTrailCheck(models.Model):
    """What a verification of trails has found, when, and who asked (threat A1).

    Kept, so that a dispute can point to it. Works in slices: what one transaction has
    checked stays checked, so a company of any size is verified in the end.
    """

    _name = "referral.trail.check"
    _description = "Trail Verification"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")
    user_id = fields.Many2one(
        "res.users", string="Asked by", required=True, ondelete="restrict"
    )
    scope = fields.Selection(
        [("leads", "Chosen leads"), ("company", "The whole company")], required=True
    )
    chosen = fields.Json(help="Ids of the chosen leads.")
    file_name = fields.Char(string="Compared with")
    state = fields.Selection(
        [("running", "Running"), ("intact", "Intact"), ("broken", "Broken")],
        required=True,
        default="running",
    )
    finished_at = fields.Datetime(string="Finished")
    lead_count = fields.Integer(string="Trails")
    entry_count = fields.Integer(string="Entries")
    seal_count = fields.Integer(string="Seals")
    problem_count = fields.Integer(string="Breaks")
    problems = fields.Json()
    position = fields.Json(help="How far it is: last lead, last seal and its hash.")
    report = fields.Html(compute="_compute_report", sanitize=False)

    @api.depends("state", "create_date")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        for check in self:
            day = fields.Datetime.context_timestamp(check, check.create_date)
            check.display_name = self.env._(
                "Verification of %(day)s", day=day.strftime("%Y-%m-%d %H:%M")
            )

    @api.depends("state", "lead_count", "entry_count", "seal_count", "problems")
    @api.depends_context("lang", "tz")
    def _compute_report(self):
        for check in self:
            check.report = self.env["ir.qweb"]._render(
                "referral_distribution.trail_check_report",
                {
                    "check": check,
                    "summary": check._get_summary(),
                    "shown": check._get_problem_lines(),
                },
            )

    def _get_problem_lines(self):
        """Return ``(id of the lead or None, its name, sentence)`` for each break."""
        self.ensure_one()
        problems = [Problem(*values) for values in self.problems or []]
        lead_ids = {problem.lead for problem in problems if problem.lead}
        leads = self.env["crm.lead"].sudo().browse(lead_ids)
        names = {lead.id: lead.display_name for lead in leads}
        return [
            (problem.lead, names.get(problem.lead), self._get_problem_text(problem))
            for problem in problems
        ]

    def _get_problem_text(self, problem):
        """Return in the reader's language what is wrong."""
        texts = {
            **self._get_trail_texts(problem.entry, problem.seal),
            **self._get_seal_texts(problem.entry, problem.seal),
        }
        return texts[problem.kind]

    def _get_trail_texts(self, number, seal):
        return {
            "missing": self.env._("A member brought it, but it has no trail at all."),
            "gap": self.env._("Entry %(number)s is missing.", number=number),
            "link": self.env._(
                "Entry %(number)s does not follow the one before it.", number=number
            ),
            "content": self.env._(
                "Entry %(number)s was changed after it was written.", number=number
            ),
            "tail": self.env._(
                "The end of the trail is not where it was: look at entry %(number)s"
                " and those after it.",
                number=number,
            ),
            "sealed": self.env._(
                "Entry %(number)s is not what seal %(seal)s says: it was changed or"
                " cut off.",
                number=number,
                seal=seal,
            ),
        }

    def _get_seal_texts(self, number, seal):
        return {
            "seal_gap": self.env._("Seal %(seal)s is missing.", seal=seal),
            "seal_link": self.env._(
                "Seal %(seal)s does not follow the one before it.", seal=seal
            ),
            "seal_content": self.env._(
                "Seal %(seal)s was changed after it was written.", seal=seal
            ),
            "seal_lines": self.env._(
                "The lines of seal %(seal)s were changed.", seal=seal
            ),
            "file_missing": self.env._(
                "Seal %(seal)s of the file is not here any more.", seal=seal
            ),
            "file_differs": self.env._(
                "Seal %(seal)s here is not the one of the file.", seal=seal
            ),
            "file_line": self.env._(
                "Entry %(number)s is not what the file of seal %(seal)s says: it was"
                " changed or cut off.",
                number=number,
                seal=seal,
            ),
        }

    def _get_summary(self):
        """Return in the reader's language what was looked at."""
        self.ensure_one()
        counts = {
            "entries": f"{self.entry_count:,}",
            "trails": f"{self.lead_count:,}",
            "seals": f"{self.seal_count:,}",
        }
        if self.scope == "leads":
            text = self.env._(
                "Recomputed %(entries)s entries of %(trails)s chosen trails, and looked"
                " them up in the seals.",
                **counts,
            )
        else:
            text = self.env._(
                "Recomputed %(entries)s entries of %(trails)s trails, and %(seals)s"
                " seals.",
                **counts,
            )
        return text

    # -------------------------------------------------------------------- asking

    @api.model_create_multi
    def create(self, vals_list):
        self._check_gate()
        return super().create(vals_list)

    def write(self, vals):
        self._check_gate()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A verification is kept: somebody may point to it."))

    def _check_gate(self):
        if not gate.is_open(self.env):
            raise UserError(self.env._("A verification is written by the system only."))

    @api.model
    def _start(self, company, leads=None, file_name=None, told=None):
        """Begin to verify, and work for as long as somebody waits.

        :param leads: crm.lead recordset, or None for the whole company.
        :param told: what ``engine.seal.read_file`` has read of a seal handed back.
        :return: the verification, finished or left to the job.
        """
        check = gate.opened(self.sudo()).create(
            {
                "company_id": company.id,
                "user_id": self.env.uid,
                "scope": "company" if leads is None else "leads",
                "chosen": None if leads is None else sorted(leads.ids),
                "file_name": file_name,
                "position": {"lead": 0, "seal": [0, chain.START]},
            }
        )
        if told:
            check._note(self.env["referral.trail.entry"]._compare_file(company, told))
        deadline = time.monotonic() + PATIENCE
        while check._check_next():
            if time.monotonic() > deadline:
                cron = self.env.ref("referral_distribution.ir_cron_trail_check")
                cron.sudo()._trigger()
                break
        return self.browse(check.id)

    @api.model
    def _cron_check(self):
        """Go on with verifications that were too long to wait for."""
        progress = self.env["ir.cron"]
        running = self.search([("state", "=", "running")], order="id")
        progress._commit_progress(remaining=len(running))
        for check in gate.opened(running):
            while check._check_next():
                if not progress._commit_progress():
                    return
            if not progress._commit_progress(1):
                return

    # ------------------------------------------------------------------- working

    def _check_next(self):
        """Check the next slice; return whether there is more to do."""
        self.ensure_one()
        step = self._check_chosen if self.scope == "leads" else self._check_company
        if step():
            return True
        state = "broken" if self.problem_count else "intact"
        self.write({"state": state, "finished_at": fields.Datetime.now()})
        return False

    def _check_chosen(self):
        after = self.position["lead"]
        ids = [lead_id for lead_id in self.chosen if lead_id > after][:SLICE]
        return self._check_leads(ids)

    def _check_company(self):
        """Leads first, then the seals."""
        after = self.position["lead"]
        if not after:
            self._note_orphans()
        ids = self._query_next_leads(after)
        if self._check_leads(ids):
            return True
        entries = self.env["referral.trail.entry"]
        problems, last, count = entries._find_seal_problems(
            self.company_id, tuple(self.position["seal"]), SEALS
        )
        self._note(problems, seal_count=self.seal_count + count)
        self._move(seal=list(last))
        return count == SEALS

    def _check_leads(self, ids):
        if not ids:
            return False
        problems, count = self.env["referral.trail.entry"]._find_problems(ids)
        self._note(
            problems,
            lead_count=self.lead_count + len(ids),
            entry_count=self.entry_count + count,
        )
        self._move(lead=ids[-1])
        return True

    def _move(self, **position):
        self.write({"position": {**self.position, **position}})

    def _note(self, problems, **vals):
        shown = [*(self.problems or []), *map(list, problems)][:SHOWN]
        count = self.problem_count + len(problems)
        self.write({"problems": shown, "problem_count": count, **vals})

    def _query_next_leads(self, after):
        """Return the ids of the next leads of the company that should have a trail."""
        seals = self.env["referral.trail.seal"]
        self.env["crm.lead"].flush_model(["company_id", "referrer_id"])
        main = seals._get_main_company()
        limit = SQL("ORDER BY 1 LIMIT %s", SLICE)
        rows = self.env.execute_query(
            SQL(
                "(SELECT head.lead_id FROM referral_trail_head head"
                " LEFT JOIN crm_lead lead ON lead.id = head.lead_id"
                " WHERE head.lead_id > %(after)s"
                "  AND COALESCE(%(company)s, %(main)s) = %(own)s %(limit)s)"
                " UNION"
                " (SELECT lead.id FROM crm_lead lead"
                " WHERE lead.id > %(after)s AND lead.referrer_id IS NOT NULL"
                "  AND COALESCE(lead.company_id, %(main)s) = %(own)s"
                "  AND NOT EXISTS (SELECT FROM referral_trail_head head"
                "   WHERE head.lead_id = lead.id) %(limit)s)"
                " %(limit)s",
                after=after,
                company=seals._sql_company(),
                main=main.id,
                own=self.company_id.id,
                limit=limit,
            )
        )
        return [lead_id for [lead_id] in rows]

    def _note_orphans(self):
        """Note trails whose head is gone, so that no list of heads leads to them.

        Of a lead that is gone, too, nobody can tell the company but its seals: it is
        the first company's.
        """
        main = self.env["referral.trail.seal"]._get_main_company()
        rows = self.env.execute_query(
            SQL(
                "SELECT entry.lead_id, max(entry.sequence)"
                " FROM referral_trail_entry entry"
                " LEFT JOIN referral_trail_head head ON head.lead_id = entry.lead_id"
                " LEFT JOIN crm_lead lead ON lead.id = entry.lead_id"
                " WHERE head.id IS NULL AND lead.referrer_id IS NULL"
                "  AND COALESCE(lead.company_id, %(main)s) = %(own)s"
                " GROUP BY 1 ORDER BY 1",
                main=main.id,
                own=self.company_id.id,
            )
        )
        problems = [Problem("tail", *row) for row in rows]
        rows = self.env.execute_query(
            SQL(
                "SELECT line.lead_id, line.entry_count, seal.number"
                " FROM referral_trail_seal_line line"
                " JOIN referral_trail_seal seal ON seal.id = line.seal_id"
                " LEFT JOIN referral_trail_head head ON head.lead_id = line.lead_id"
                " WHERE head.id IS NULL AND seal.company_id = %s ORDER BY 1, 2",
                self.company_id.id,
            )
        )
        self._note(problems + [Problem("sealed", *row) for row in rows])
