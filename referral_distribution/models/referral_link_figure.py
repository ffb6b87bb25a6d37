from datetime import timedelta

from odoo import fields, models
from odoo.tools import format_date

CHART_DAYS = 30


class ReferralLink(models.Model):
    """What a link's clicks amount to, from the daily figures (rule X2)."""

    _inherit = "referral.link"

    click_count = fields.Integer(
        string="Clicks",
        compute="_compute_click_figures",
        help="Counted each minute: once per visitor and hour.",
    )
    visitor_count = fields.Integer(
        string="Visitors",
        compute="_compute_click_figures",
        help="Different visitors of each day, added up.",
    )

    def _compute_click_figures(self):
        groups = (
            self.env["referral.click.figure"]
            .sudo()  # a number tells nothing about visitors
            ._read_group(
                [("link_id", "in", self.ids)],
                ["link_id"],
                ["clicks:sum", "visitors:sum"],
            )
        )
        found = {link.id: figures for link, *figures in groups}
        for link in self:
            figures = found.get(link._origin.id, (0, 0))
            link.click_count, link.visitor_count = figures

    def _prepare_click_chart(self):
        """Return what ``portal_referral_link_chart`` shows: the last days of a link.

        :return: dict with ``days``, one dict a day, the oldest first: ``day`` (of the
            company), ``clicks``, ``visitors``, ``percent`` of the best day, ``label``;
            their sums ``clicks`` and ``visitors``, and these as a ``summary``.
        """
        self.ensure_one()
        last = self.company_id._referral_today()
        first = last - timedelta(days=CHART_DAYS - 1)
        rows = (
            self.env["referral.click.figure"]
            .sudo()
            .search_read(
                [("link_id", "=", self.id), ("day", ">=", first), ("day", "<=", last)],
                ["day", "clicks", "visitors"],
            )
        )
        found = {row["day"]: row for row in rows}
        best = max((row["clicks"] for row in rows), default=0) or 1
        bars = []
        for number in range(CHART_DAYS):
            day = first + timedelta(days=number)
            bar = {"clicks": 0, "visitors": 0} | found.get(day, {}) | {"day": day}
            bar["percent"] = -(-bar["clicks"] * 100 // best)
            bar["label"] = self.env._(
                "%(day)s: %(clicks)s clicks",
                day=format_date(self.env, day),
                clicks=bar["clicks"],
            )
            bars.append(bar)
        totals = {
            name: sum(bar[name] for bar in bars) for name in ("clicks", "visitors")
        }
        summary = self.env._("%(clicks)s clicks, %(visitors)s visitors", **totals)
        return {"days": bars, "summary": summary, **totals}
