import logging
import time

import psycopg2

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from . import gate

LINES = 20_000  # a transaction; a beneficiary with more of them is one all the same
TRIES = 5
# Two runs meet at a reward's row, or at the period of a beneficiary.
AGAIN = PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
# What a line can be guilty of. A full disk or a missing column is nobody's fault: the
# run ends with it and flags no line.
POISON = (psycopg2.IntegrityError, psycopg2.DataError, psycopg2.InternalError)

_logger = logging.getLogger(__name__)


class ReferralSettlement(models.Model):
    """Collecting what is due: one statement a slice of beneficiaries (rule C6).

    The statement claims the rewards and makes the settlements, so whatever interrupts
    it leaves nothing half done. Finance's selection, finance's run and the job differ
    in what they ask it for, and in nothing else.
    """

    _inherit = "referral.settlement"

    # ------------------------------------------------------------------- doors

    @api.model
    def _collect(self, commissions):
        """Settle these commissions, as far as they are due (rules C6, C7).

        What was taken back from a beneficiary is netted. Where that leaves nothing to
        pay, all of it waits for later rewards. Somebody has chosen them, so neither
        period nor minimum payout counts; the holding days do.

        Of two people pressing at once, both would write the same rows: PostgreSQL lets
        one through and Odoo tries the other again, which finds them taken.

        :return: the new draft settlements, one per company, beneficiary and currency.
        """
        found = self.browse()
        for company, lines in commissions.sudo().grouped("company_id").items():
            who = SQL("line.partner_id = ANY(%s)", lines.partner_id.ids)
            which = SQL("line.id = ANY(%s)", lines.ids)
            rows = self._query_collect(company, who, which, chosen=True)
            found += self.browse([settlement_id for settlement_id, _count in rows])
        return found

    def action_run(self):
        """Settle now all that is due at the current companies, of all plans.

        What the job does, and for plans that are settled by hand as well.

        :return: window action that lists the drafts.
        :raises AccessError: without the finance role.
        """
        self.env.user._referral_require("group_finance")
        for company in self.env.companies:
            after = 0
            while after is not None:
                after, _count = self._collect_slice(company, after, SQL("TRUE"))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Settlements"),
            "res_model": "referral.settlement",
            "domain": [("state", "=", "draft")],
            "view_mode": "list,form",
        }

    @api.model
    def _cron_settle(self):
        """Each day: settle what is due, slice by slice, a transaction each.

        Killed at any moment it goes on with what is left; a slice that meets somebody
        else is tried again; a line that cannot be settled is set aside.
        """
        companies = self.env["res.company"].sudo().search([], order="id")
        for done, company in enumerate(companies):
            if not self._settle_company(company, len(companies) - done):
                return
        self.env["ir.cron"]._commit_progress(remaining=0)

    @api.model
    def _settle_company(self, company, left):
        """Settle and pay what is due at one company, a transaction a batch.

        :param int left: companies to go, this one included.
        :return: False when the job's time is over: it is started again for the rest.
        """
        progress = self.env["ir.cron"]._commit_progress
        after, count = 0, 1
        while after is not None:
            after, settled = self._settle_next(company, after)
            if not progress(settled, remaining=left):
                return False
        while count:
            count = self._pay_elsewhere(company)
            if not progress(count, remaining=left):
                return False
        return True

    @api.model
    def _settle_next(self, company, after):
        """Collect a slice of what the job settles; see ``_collect_slice``."""
        which = SQL("plan.settlement_mode IS DISTINCT FROM 'manual'")
        return self._again(lambda: self._collect_slice(company, after, which))

    @api.model
    def _pay_elsewhere(self, company):
        """Let addons pay a batch of what is due in their own way; return its size."""
        pay = self.env["referral.commission"]._pay_due_elsewhere
        return self._again(lambda: pay(company, company._referral_today()))

    @api.model
    def _again(self, work):
        """Return what ``work`` does, on a new snapshot where somebody was faster."""
        for attempt in range(1, TRIES + 1):
            try:
                result = work()
                self.env.flush_all()
                return result
            except AGAIN:
                self.env.cr.rollback()
                if attempt == TRIES:
                    raise
                time.sleep(0.1 * attempt)

    # ----------------------------------------------------------------- a slice

    @api.model
    def _collect_slice(self, company, after, which):
        """Settle what is due to the next beneficiaries.

        :param int after: id of the last beneficiary that was looked at.
        :param SQL which: condition on ``line`` and its ``plan``.
        :return: ``after`` for the next call, None when that was all; and the number of
            lines that were settled.
        """
        last = self._query_last(company, after)
        if last is None:
            return None, 0
        who = SQL("line.partner_id > %s AND line.partner_id <= %s", after, last)
        try:
            with self.env.cr.savepoint():
                rows = self._query_collect(company, who, which)
        except POISON:  # one bad line, whatever it is
            self._set_poison_aside(company, who, which)
            rows = self._query_collect(company, who, which)
        return last, sum(count for _settlement_id, count in rows)

    @api.model
    def _query_last(self, company, after):
        """Return the last beneficiary of the next slice, None when nobody waits."""
        self.env["referral.commission"].flush_model()
        [[last]] = self.env.execute_query(
            SQL(
                "SELECT max(partner_id) FROM (SELECT partner_id"
                " FROM referral_commission WHERE state = 'approved'"
                "  AND settlement_id IS NULL AND company_id = %s AND partner_id > %s"
                " ORDER BY partner_id LIMIT %s) AS waiting",
                company.id,
                after,
                LINES,
            )
        )
        return last

    @api.model
    def _query_collect(self, company, who, which, chosen=False):
        """Make the settlements of some beneficiaries; the one way they are made.

        Rewards and debts are added up per beneficiary and currency, netted, and held
        against the minimum payout. What is due later, and who is owed nothing, is left
        alone. A draft of the same period takes the lines in; one that was submitted
        already does not change, so its latecomers wait for the next period.

        :param SQL who: condition on ``line``'s beneficiary.
        :param SQL which: condition on ``line`` and ``plan``, on rewards alone.
        :param bool chosen: somebody chose these lines: no period, no minimum.
        :return: ``[(settlement id, number of lines)]``.
        """
        self.env["referral.commission"].flush_model()
        self.env["referral.plan"].flush_model()
        self.flush_model()
        terms = {
            "company": company.id,
            "today": company._referral_today(),
            "elsewhere": self._get_currencies_paid_elsewhere().ids,
            "who": who,
            "which": which,
        }
        rows = self.env.execute_query(self._sql_collect(company, terms, chosen))
        self.env["referral.commission"].invalidate_model(flush=False)
        self.invalidate_model(flush=False)
        return rows

    @api.model
    def _sql_collect(self, company, terms, chosen):
        """Return SQL that claims the lines and answers where they are now."""
        return SQL(
            """
            WITH reward AS MATERIALIZED (%(rewards)s),
            due AS MATERIALIZED (SELECT * FROM reward UNION ALL %(debts)s),
            made AS (%(made)s),
            taken AS (
                UPDATE referral_commission line SET write_uid = %(uid)s,
                    write_date = %(now)s, settlement_id = mine.settlement_id
                FROM (SELECT due.id, made.id AS settlement_id
                    FROM due JOIN made USING (partner_id, currency_id)
                    ORDER BY due.id) AS mine
                WHERE line.id = mine.id
                RETURNING line.settlement_id)
            SELECT settlement_id, count(*)::int FROM taken GROUP BY 1 ORDER BY 1
            """,
            rewards=self._sql_rewards(**terms),
            debts=self._sql_debts(**terms),
            made=self._sql_made(company, self._get_payout_rates(company), chosen),
            uid=self.env.uid,
            now=self.env.cr.now(),
        )

    @api.model
    def _sql_rewards(self, **terms):
        """Return SQL of the rewards that are due and nobody has settled.

        What was granted by hand under no plan is settled as soon as it is due.
        """
        return SQL(
            """
            SELECT line.id, line.partner_id, line.currency_id, line.amount,
                plan.payout_minimum AS minimum, line.due_date,
                CASE plan.settlement_mode
                    WHEN 'month' THEN (line.due_date - interval '1 month')::date
                    WHEN 'week' THEN line.due_date - 7 END AS date_from
            FROM referral_commission line
            LEFT JOIN referral_plan plan ON plan.id = line.plan_id
            WHERE line.company_id = %(company)s AND %(who)s
                AND line.state = 'approved' AND line.settlement_id IS NULL
                AND line.reverses_id IS NULL AND line.due_date <= %(today)s
                AND line.settlement_problem IS NULL
                AND line.currency_id <> ALL(%(elsewhere)s) AND %(which)s
            """,
            **terms,
        )

    @api.model
    def _sql_debts(self, **terms):
        """Return SQL of what was taken back and is netted (rule C7).

        What is taken back of a reward that is not paid yet goes along with that reward
        alone, and a reward never without it. Where the reward's bill was cancelled, it
        waits until that reward is approved again.
        """
        return SQL(
            """
            SELECT line.id, line.partner_id, line.currency_id, line.amount,
                NULL, NULL, NULL
            FROM referral_commission line
            JOIN referral_commission back ON back.id = line.reverses_id
            LEFT JOIN referral_settlement paid ON paid.id = back.settlement_id
            WHERE line.company_id = %(company)s AND %(who)s
                AND line.state = 'approved' AND line.settlement_id IS NULL
                AND line.currency_id <> ALL(%(elsewhere)s)
                AND (paid.state IN ('approved', 'paid')
                    OR paid.id IS NULL AND back.state IN ('reversed', 'settled')
                    OR back.id IN (SELECT id FROM reward))
            """,
            **terms,
        )

    @api.model
    def _sql_made(self, company, rates, chosen):
        """Return SQL that makes the settlements of what is ``due``."""
        now, uid = self.env.cr.now(), self.env.uid
        least = SQL("sum(due.amount) >= COALESCE(min(due.minimum), 0) * min(rate.of)")
        return SQL(
            """
            INSERT INTO referral_settlement AS draft (company_id, partner_id,
                currency_id, amount_total, date_from, date_to, state,
                create_uid, create_date, write_uid, write_date)
            SELECT %(company)s, due.partner_id, due.currency_id, sum(due.amount),
                %(date_from)s, %(date_to)s, 'draft',
                %(uid)s, %(now)s, %(uid)s, %(now)s
            FROM due LEFT JOIN unnest(%(ids)s::int[], %(rates)s::numeric[])
                AS rate (id, of) ON rate.id = due.currency_id
            GROUP BY due.partner_id, due.currency_id
            HAVING bool_or(due.due_date IS NOT NULL) AND sum(due.amount) > 0
                AND %(least)s
            ORDER BY due.partner_id, due.currency_id
            ON CONFLICT (company_id, partner_id, currency_id, date_from, date_to)
                WHERE merged IS NOT TRUE
            DO UPDATE SET amount_total = draft.amount_total + EXCLUDED.amount_total,
                write_uid = EXCLUDED.write_uid, write_date = EXCLUDED.write_date
                WHERE draft.state = 'draft'
            RETURNING id, partner_id, currency_id
            """,
            company=company.id,
            date_from=SQL("NULL::date") if chosen else SQL("max(due.date_from)"),
            date_to=SQL("NULL::date")
            if chosen
            else SQL(
                "max(due.due_date) FILTER (WHERE due.date_from IS NOT NULL) - 1",
            ),
            least=SQL("TRUE") if chosen else least,
            ids=list(rates),
            rates=list(rates.values()),
            now=now,
            uid=uid,
        )

    @api.model
    def _get_payout_rates(self, company):
        """Return ``{currency id: what one of the company's currency is in it}``."""
        every = self.env["res.currency"].sudo().with_context(active_test=False)
        rates = every.search([])._get_rates(company, company._referral_today())
        own = rates[company.currency_id.id]
        return {currency_id: rate / own for currency_id, rate in rates.items()}

    @api.model
    def _get_currencies_paid_elsewhere(self):
        """Return the res.currency that no settlement pays. A hook.

        What a rule pays in such a currency never gets into a settlement; the addon that
        knows the currency pays it.
        """
        return self.env["res.currency"]

    # ------------------------------------------------------------------ poison

    @api.model
    def _set_poison_aside(self, company, who, which):
        """Find the lines a slice fails by, and say so on them (threat J4)."""
        bad = {}
        people = self._query_people(company, who)
        for person in self._find_culprits(people, company, "partner_id", which):
            line_ids = self._query_waiting(company, person)
            found = self._find_culprits(line_ids, company, "id", which)
            reason = self._try(company, SQL("line.partner_id = %s", person), which)
            for line_id in found or line_ids:
                bad[line_id] = reason
        for line_id, reason in bad.items():
            line = self.env["referral.commission"].sudo().browse(line_id)
            gate.opened(line).write({"settlement_problem": reason or "?"})
            _logger.error("Commission %s cannot be settled: %s", line_id, reason)
        self.env.flush_all()

    @api.model
    def _find_culprits(self, ids, company, column, which):
        """Return those of ``ids`` that fail by themselves, by halves."""
        field = SQL.identifier("line", column)
        mine = SQL("%s AND %s = ANY(%s)", which, field, ids)
        if not ids or not self._try(company, SQL("TRUE"), mine):
            return []
        if len(ids) == 1:
            return ids
        middle = len(ids) // 2
        return [
            culprit
            for half in (ids[:middle], ids[middle:])
            for culprit in self._find_culprits(half, company, column, which)
        ]

    @api.model
    def _try(self, company, who, which):
        """Return what goes wrong in collecting, as text; it is undone in any case."""
        point = self.env.cr.savepoint()
        try:
            self._query_collect(company, who, which, chosen=True)
        except POISON as error:
            return str(error).strip().split("\n")[0]
        finally:
            point.rollback()
            point.close()
        return ""

    @api.model
    def _query_people(self, company, who):
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT line.partner_id FROM referral_commission line"
                " WHERE line.company_id = %s AND %s AND line.state = 'approved'"
                "  AND line.settlement_id IS NULL ORDER BY 1",
                company.id,
                who,
            )
        )
        return [partner_id for [partner_id] in rows]

    @api.model
    def _query_waiting(self, company, partner_id):
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM referral_commission WHERE company_id = %s"
                " AND partner_id = %s AND state = 'approved' AND reverses_id IS NULL"
                " AND settlement_id IS NULL ORDER BY id",
                company.id,
                partner_id,
            )
        )
        return [line_id for [line_id] in rows]
