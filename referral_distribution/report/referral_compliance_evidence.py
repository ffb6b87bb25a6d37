from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

LISTED_TREES = 300
MOST_LEVELS = 10  # deeper trees share a row


class ReferralComplianceEvidence(models.AbstractModel):
    """The figures of the printed evidence report (rule M7).

    Everything here is read, nothing is judged. Figures of trees are those of the day
    asked for; rules and settings are those of the moment of printing.
    """

    _name = "report.referral_distribution.compliance_evidence"
    _description = "Evidence Report Figures"

    @api.model
    def _get_report_values(self, docids, data=None):
        asked = self.env["referral.compliance.report"].sudo(False).browse(docids)
        asked.check_access("read")
        return {
            "doc_ids": docids,
            "doc_model": asked._name,
            "docs": asked,
            "evidence": {one.id: self._get_evidence(one) for one in asked},
        }

    @api.model
    def _get_evidence(self, asked):
        """Return what the template prints for one company and day."""
        company, date = asked.company_id.sudo(), asked.date
        model = self.sudo().with_context(lang=asked.lang)
        company = company.with_env(model.env)
        model.env.flush_all()
        plan = model.env["referral.plan"]._get_active(company)
        signoffs = model.env["referral.compliance.signoff"].search(
            [
                ("company_id", "=", company.id),
                ("create_date", "<", date + relativedelta(days=1)),
            ],
            order="id",
        )
        trees = model._query_totals(company, date)
        return {
            "company": company,
            "printed_at": fields.Datetime.now(),
            "printed_by": self.env.user.name,
            "tz": company._referral_tz(),
            "plan": plan,
            "rules": [model._describe_rule(rule) for rule in plan.rule_ids],
            "signoffs": signoffs,
            "trees": trees,
            "totals": model._describe_totals(trees, company),
            "spread": model._get_spread(company, date),
            "listed": model._get_listed(company, date),
            "more": max(trees["near"] + trees["reached"] - LISTED_TREES, 0),
            "trend": model._query_trend(company, date),
            "rewards": model._get_rewards(company, date),
            "proof": model._query_proof(company),
        }

    @api.model
    def _describe_rule(self, rule):
        """Return a rule's row in words, in the report's language."""
        labels = {
            name: dict(rule._fields[name]._description_selection(self.env)).get(
                rule[name]
            )
            for name in ("trigger", "beneficiary", "phase", "base")
        }
        if rule.level or rule.trigger != "contract":
            labels["phase"] = False  # says nothing there
        if rule.rate_type == "fixed":
            amount = f"{rule.amount:g} {rule.currency_id.name}"
        elif rule.rate_type == "bracket":
            steps = rule.bracket_ids.sorted("amount_from")
            amount = ", ".join(
                self.env._(
                    "%(rate)s %% from %(amount)s",
                    rate=f"{step.rate:g}",
                    amount=f"{step.amount_from:g}",
                )
                for step in steps
            )
            amount = f"{labels['base']}: {amount}"
        else:
            amount = f"{labels['base']} × {rule.rate:g} %"
        return {"name": rule.name, "level": rule.level, "reward": amount, **labels}

    @api.model
    def _describe_totals(self, trees, company):
        """Return ``(label, figure)`` rows, in the report's language."""
        return [
            (self.env._("Trees of two people or more"), trees["trees"]),
            (self.env._("Their people"), trees["people"]),
            (self.env._("People of the largest tree"), trees["most"]),
            (self.env._("Levels of the deepest tree"), trees["deepest"]),
            (self.env._("Trees near the line"), trees["near"]),
            (self.env._("Trees that reach the line"), trees["reached"]),
            (
                self.env._(
                    "People of all trees with %(levels)s levels or more together",
                    levels=company.referral_levels_line,
                ),
                trees["deep_people"],
            ),
        ]

    @api.model
    def _query_as_of(self, company, date):
        """Return SQL for the trees as they stood at the end of ``date``.

        :param date: a day, or SQL for one.
        """
        return SQL(
            "SELECT * FROM (SELECT DISTINCT ON (root_id) * FROM referral_tree_figure"
            " WHERE company_id = %s AND date <= %s ORDER BY root_id, date DESC) newest"
            " WHERE people > 1",
            company.id,
            date,
        )

    @api.model
    def _query_totals(self, company, date):
        names = ("trees", "people", "most", "deepest", "near", "reached", "counted_on")
        [row] = self.env.execute_query(
            SQL(
                "SELECT %s, max(date) FROM (%s) tree",
                self._get_measures(company),
                self._query_as_of(company, date),
            )
        )
        return dict(zip((*names[:6], "deep_people", names[6]), row, strict=True))

    @api.model
    def _get_measures(self, company):
        """Return the SQL sums that totals and trend have in common.

        The last one: authorities may add up the people of several trees of one
        organiser that are deep enough (article 1 of the opinion the monitor names).
        """
        return SQL(
            "count(*), COALESCE(sum(people), 0), COALESCE(max(people), 0),"
            " COALESCE(max(levels), 0),"
            " count(*) FILTER (WHERE status = 'near'),"
            " count(*) FILTER (WHERE status = 'reached'),"
            " COALESCE(sum(people) FILTER (WHERE levels >= %s), 0)",
            company.referral_levels_line,
        )

    @api.model
    def _query_trend(self, company, date):
        """Return one dict per month, twelve of them, the asked day last."""
        names = (
            "date",
            "trees",
            "people",
            "most",
            "deepest",
            "near",
            "reached",
            "deep_people",
        )
        days = [
            (date - relativedelta(months=back)) + relativedelta(day=31)
            for back in range(11, 0, -1)
        ]
        rows = self.env.execute_query(
            SQL(
                "SELECT day, figures.* FROM unnest(%s::date[]) day CROSS JOIN LATERAL"
                " (SELECT %s FROM (%s) tree) figures ORDER BY day",
                [*days, date],
                self._get_measures(company),
                self._query_as_of(company, SQL("day")),
            )
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    @api.model
    def _get_spread(self, company, date):
        """Return ``(bands of people, rows)``; a row is a level and its counts."""
        line = company.referral_people_line
        warn = -(-line * company.referral_warn_percent // 100)
        starts = sorted({2, max(line // 2, 2), max(warn, 2), line})
        bands = [
            f"{start}–{end - 1}" if end else f"≥ {start}"
            for start, end in zip(starts, [*starts[1:], None], strict=True)
        ]
        rows = {}
        for levels, band, trees in self._query_spread(company, date, starts):
            rows.setdefault(levels, [0] * len(bands))[band - 1] = trees
        return bands, [
            (f"≥ {levels}" if levels == MOST_LEVELS else levels, counts)
            for levels, counts in sorted(rows.items())
        ]

    @api.model
    def _query_spread(self, company, date, starts):
        return self.env.execute_query(
            SQL(
                "SELECT LEAST(levels, %s), width_bucket(people, %s::int[]), count(*)"
                " FROM (%s) tree GROUP BY 1, 2",
                MOST_LEVELS,
                starts,
                self._query_as_of(company, date),
            )
        )

    @api.model
    def _get_listed(self, company, date):
        """Return the trees near or past the line, the largest first."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM (%s) tree WHERE status <> 'clear'"
                " ORDER BY status DESC, people DESC, root_id LIMIT %s",
                self._query_as_of(company, date),
                LISTED_TREES,
            )
        )
        return self.env["referral.tree.figure"].browse([row[0] for row in rows])

    @api.model
    def _get_rewards(self, company, date):
        """Return what was given in twelve months, by trigger, level and currency.

        The amounts are less by what was taken back in that time.
        """
        labels = dict(
            self.env["referral.plan.rule"]
            ._fields["trigger"]
            ._description_selection(self.env)
        )
        currencies = self.env["res.currency"]
        return [
            {
                "trigger": labels.get(trigger, trigger),
                "level": level,
                "currency": currencies.browse(currency_id),
                "count": count,
                "amount": amount,
            }
            for trigger, level, currency_id, count, amount in self._query_rewards(
                company, date
            )
        ]

    @api.model
    def _query_rewards(self, company, date):
        return self.env.execute_query(
            SQL(
                "SELECT trigger, level, currency_id, count(*) FILTER ("
                "  WHERE state <> 'reversed' AND reverses_id IS NULL), sum(amount)"
                " FROM referral_commission WHERE company_id = %s"
                " AND create_date >= %s AND create_date < %s"
                " GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3",
                company.id,
                date + relativedelta(days=1, years=-1),
                date + relativedelta(days=1),
            )
        )

    @api.model
    def _query_proof(self, company):
        """Return counts over all rewards ever given, of which only the first may be
        more than zero: all; without lead, contract or share; whose lead was not found
        valid or whose contract finance has not confirmed; beyond the third level."""
        names = ("rewards", "without_source", "unproven", "too_deep")
        [row] = self.env.execute_query(
            SQL(
                "SELECT count(*),"
                " count(*) FILTER (WHERE line.lead_id IS NULL"
                "   AND line.order_id IS NULL AND line.share_id IS NULL),"
                " count(*) FILTER (WHERE CASE WHEN line.order_id IS NOT NULL"
                "   THEN contract.referral_decision IS DISTINCT FROM 'confirmed'"
                "   WHEN line.share_id IS NOT NULL"
                "   THEN share.reward_state IS DISTINCT FROM 'rewarded'"
                "   ELSE lead.referral_validity IS DISTINCT FROM 'valid' END),"
                " count(*) FILTER (WHERE line.level > 2)"
                " FROM referral_commission line"
                " LEFT JOIN crm_lead lead ON lead.id = line.lead_id"
                " LEFT JOIN sale_order contract ON contract.id = line.order_id"
                " LEFT JOIN referral_share share ON share.id = line.share_id"
                " WHERE line.company_id = %s AND line.state <> 'reversed'"
                " AND line.reverses_id IS NULL",
                company.id,
            )
        )
        return dict(zip(names, row, strict=True))
