from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, format_datetime

LOUD_CLICKS = 50  # an hour: fewer say nothing about who clicks
LOUD_PERCENT = 60
TOLD_AT_ONCE = 50  # links; what is more waits in the list without a to-do

REASONS = [
    ("limit", "More clicks in an hour than the limit"),
    ("address", "Most clicks of an hour from one address"),
]


class ReferralLinkBurst(models.Model):
    """An hour in which a link's clicks do not look like people's (threat S5).

    Found while clicks are rolled up. The link waits for a manager's review, and the
    leads that came through it in that hour show it. Nobody loses anything by it: people
    judge.
    """

    _name = "referral.link.burst"
    _description = "Burst of Clicks"
    _order = "hour desc, id desc"
    _rec_name = "link_id"
    _log_access = False

    link_id = fields.Many2one("referral.link", required=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")
    partner_id = fields.Many2one(related="link_id.partner_id", string="Member")
    hour = fields.Datetime(required=True, help="When that hour began.")
    reason = fields.Selection(REASONS, required=True)
    clicks = fields.Integer(required=True, aggregator="max")
    address_clicks = fields.Integer(
        string="From one address", required=True, aggregator="max"
    )
    state = fields.Selection(
        [("to_review", "To review"), ("cleared", "Cleared")], required=True
    )
    told = fields.Boolean(required=True, default=False)
    cleared_at = fields.Datetime()
    cleared_by_id = fields.Many2one("res.users", ondelete="restrict")
    cleared_reason = fields.Char(string="Why it is fine")
    explanation = fields.Char(string="What looked made", compute="_compute_explanation")

    _link_hour_reason_unique = models.UniqueIndex(
        "(link_id, hour, reason)", "This burst is known already."
    )
    _untold_index = models.Index("(id) WHERE NOT told")
    _cleared_complete = models.Constraint(
        "CHECK (num_nonnulls(cleared_at, cleared_by_id, cleared_reason)"
        " = CASE state WHEN 'cleared' THEN 3 ELSE 0 END)",
        "Who clears a burst says why.",
    )

    @api.depends("hour", "reason", "clicks", "address_clicks")
    @api.depends_context("lang", "tz")
    def _compute_explanation(self):
        for burst in self:
            facts = {
                "clicks": burst.clicks,
                "from_one": burst.address_clicks,
                "hour": format_datetime(
                    self.env,
                    burst.hour,
                    tz=self.env.context.get("tz"),
                    dt_format="short",
                ),
            }
            if burst.reason == "address":
                burst.explanation = self.env._(
                    "%(from_one)s of %(clicks)s clicks in the hour from %(hour)s came"
                    " from one address.",
                    **facts,
                )
            else:
                burst.explanation = self.env._(
                    "%(clicks)s clicks in the hour from %(hour)s: as many as the"
                    " company counts, or more.",
                    **facts,
                )

    # ------------------------------------------------------------ find, tell

    @api.model
    def _query_find(self, first, last):
        """Flag the links whose hours got loud by the clicks after id ``first``.

        A whole hour is judged again, up to the id ``last``. A link that was cleared is
        not flagged for the same reason on the same day of its company.
        """
        self.env.cr.execute(
            SQL(
                """
                WITH %(zones)s, loud AS (%(loud)s), burst AS (
                    INSERT INTO referral_link_burst AS known (
                        link_id, company_id, hour, reason, clicks, address_clicks,
                        state, told, cleared_at, cleared_by_id, cleared_reason)
                    SELECT link_id, company_id, hour, reason, clicks, from_one,
                        CASE WHEN cleared_at IS NULL
                            THEN 'to_review' ELSE 'cleared' END,
                        cleared_at IS NOT NULL,
                        cleared_at, cleared_by_id, cleared_reason
                    FROM loud LEFT JOIN LATERAL (%(cleared)s) cleared ON TRUE
                    ON CONFLICT (link_id, hour, reason) DO UPDATE SET
                        clicks = EXCLUDED.clicks,
                        address_clicks = EXCLUDED.address_clicks
                        WHERE known.clicks <> EXCLUDED.clicks
                    RETURNING link_id, state)
                UPDATE referral_link l SET suspicion = 'to_review' FROM burst
                WHERE l.id = burst.link_id AND burst.state = 'to_review'
                    AND l.suspicion <> 'to_review'
                """,
                zones=self.env["referral.click.figure"]._query_zones(),
                loud=self._query_loud(first, last),
                cleared=self._query_cleared_today(),
            )
        )
        self.env["referral.link"].invalidate_model(["suspicion"])

    @api.model
    def _query_loud(self, first, last):
        return SQL(
            """
            SELECT hours.link_id, l.company_id, hours.hour, reason, clicks, from_one
            FROM (SELECT DISTINCT link_id, clicked_hour AS hour FROM referral_click
                WHERE id > %(first)s AND id <= %(last)s AND counted) hours
            JOIN referral_link l ON l.id = hours.link_id
            JOIN res_company c ON c.id = l.company_id
            CROSS JOIN LATERAL (
                SELECT sum(clicks) AS clicks, max(clicks) AS from_one FROM (
                    SELECT count(*) AS clicks FROM referral_click k
                    WHERE k.clicked_hour = hours.hour AND k.link_id = hours.link_id
                        AND k.counted AND k.id <= %(last)s
                    GROUP BY k.ip_hash) address) whole
            CROSS JOIN LATERAL (VALUES
                ('limit', c.referral_click_limit_link > 0
                    AND clicks >= c.referral_click_limit_link),
                ('address', clicks >= %(loud)s
                    AND from_one * 100 > clicks * %(percent)s)
            ) rule (reason, holds)
            WHERE holds
            """,
            first=first,
            last=last,
            loud=LOUD_CLICKS,
            percent=LOUD_PERCENT,
        )

    @api.model
    def _query_cleared_today(self):
        """Return who cleared the link for this reason, on the day of the burst."""
        local = "(%s AT TIME ZONE 'UTC' AT TIME ZONE zone.tz)::date"
        return SQL(
            """
            SELECT old.cleared_at, old.cleared_by_id, old.cleared_reason
            FROM referral_link_burst old JOIN zone USING (company_id)
            WHERE old.link_id = loud.link_id AND old.reason = loud.reason
                AND old.state = 'cleared' AND %s = %s
            ORDER BY old.id LIMIT 1
            """,
            SQL(local % "old.cleared_at"),
            SQL(local % "loud.hour"),
        )

    @api.model
    def _tell(self):
        """Note new bursts on their links, and ask managers to look, once a review."""
        bursts = self.browse(self._query_claim_untold())
        links = bursts.link_id
        links._message_log_batch(
            {link.id: self._describe(bursts, link) for link in links}
        )
        waiting = self._read_group(
            [
                ("link_id", "in", links.ids),
                ("state", "=", "to_review"),
                ("id", "not in", bursts.ids),
            ],
            ["link_id"],
        )
        known = links.browse().union(*(link for (link,) in waiting))
        (links - known)[:TOLD_AT_ONCE]._ask_for_review()

    @api.model
    def _query_claim_untold(self):
        """Return the ids of the bursts to tell of, the loudest first, once each."""
        rows = self.env.execute_query(
            SQL(
                """
                WITH burst AS (
                    UPDATE referral_link_burst SET told = TRUE WHERE NOT told
                    RETURNING id, clicks)
                SELECT id FROM burst ORDER BY clicks DESC, id
                """
            )
        )
        self.invalidate_model(["told"])
        return [row[0] for row in rows]

    @api.model
    def _describe(self, bursts, link):
        """Return what the bursts of ``link`` say, where its company is."""
        company = link.company_id
        lang = company.partner_id.lang or self.env.lang
        own = bursts.filtered(lambda burst: burst.link_id == link)
        own = own.with_context(tz=company._referral_tz(), lang=lang)
        return Markup("<br/>").join(own.mapped("explanation"))
