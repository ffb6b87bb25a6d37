import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.commission import Facts

CLICK_DAYS = 7  # how long a share may wait for somebody's click
BATCH = 200

_logger = logging.getLogger(__name__)


class ReferralShare(models.Model):
    """The first share of a member's day earns what the plan says (rule S5).

    Where the company asks for a click by somebody else first, the share waits. It keeps
    hashes of where the member shared from, made as those of clicks are, until a click
    from elsewhere comes or the time is over.
    """

    _inherit = "referral.share"

    def _reward_or_wait(self, visit=None):
        """Reward the first share of a day, or let it wait for a click.

        :param visit: the ``Visit`` of the member's own request, or None.
        """
        self.ensure_one()
        if not self.company_id.referral_share_needs_click:
            self._reward()
        elif self._may_earn():
            visitor, address = self._hash_visit(visit) if visit else (None, None)
            self.write(
                {
                    "reward_state": "waiting",
                    "visitor_hash": visitor,
                    "ip_hash": address,
                }
            )

    def _reward(self):
        """Give what the plan in force gives for each of these shares, once."""
        lines = self.env["referral.commission"]._accrue("share", self)
        rewarded = lines.share_id
        done = {"visitor_hash": False, "ip_hash": False}
        rewarded.write({**done, "reward_state": "rewarded"})
        (self - rewarded).write({**done, "reward_state": "none"})

    def _may_earn(self):
        """Tell whether there is anything to wait for (rules M4, S5)."""
        self.ensure_one()
        rules = self._get_referral_plan().rule_ids
        return "share" in rules.mapped("trigger") and (
            self.partner_id._earns_commission()
        )

    @api.model
    def _get_reward_of_today(self, member, company):
        """Return how it stands with the reward of a member's day (rule S5).

        :param member: res.partner.
        :param company: res.company.
        :return: ``(state, rule)``: "off" without any such reward, "open" while nothing
            was shared today, else the ``reward_state`` of the day's first share; and
            the referral.plan.rule that pays it.
        """
        rule = (
            self.env["referral.plan"]
            ._get_active(company)
            .rule_ids.filtered(lambda rule: rule.trigger == "share" and not rule.level)[
                :1
            ]
        )
        if not rule or not member._earns_commission():
            return "off", rule.browse()
        first = self.search(
            [
                ("first_of_day", "=", True),
                ("company_id", "=", company.id),
                ("partner_id", "=", member.id),
                ("share_date", "=", company._referral_today()),
            ]
        )
        return first.reward_state or "open", rule

    @api.model
    def _hash_visit(self, visit):
        """Return the hashes of a visitor and an address, as clicks keep them."""
        clicks = self.env["referral.click"]
        return (
            clicks._hash("visitor", f"{visit.address}\n{visit.agent}"),
            clicks._hash("address", visit.address),
        )

    # ------------------------------------------- what ``_accrue`` asks a source

    def _pass_over_held(self):
        """A share is held by nothing: a loud link's shares wait before (threat S5)."""
        return self

    def _get_referral_company(self):
        self.ensure_one()
        return self.company_id

    def _get_referral_plan(self):
        """Return the plan in force (empty when the company has none)."""
        return self.env["referral.plan"]._get_active(self._get_referral_company())

    def _prepare_commission_source_vals(self):
        self.ensure_one()
        return {"share_id": self.id}

    def _prepare_referral_facts(self, trigger, rules):
        """Return what the engine needs to know of this share.

        Of a share that is not the first of its day nobody earns anything.
        """
        self.ensure_one()
        company = self._get_referral_company()
        people = self.partner_id._prepare_referral_people(company, self.channel_id)
        if not self.first_of_day:
            people["people"] = ()
        return Facts(
            trigger=trigger,
            currencies=rules._get_engine_currencies(company, self.share_date),
            **people,
        )

    # ----------------------------------------------------- waiting for a click

    @api.model
    def _cron_reward_clicked(self):
        """Every quarter of an hour: reward the shares that somebody has opened."""
        progress = self.env["ir.cron"]._commit_progress
        clicked = self._query_clicked()
        for start in range(0, len(clicked), BATCH):
            batch = clicked[start : start + BATCH]
            self.browse(batch)._reward_claimed()
            progress(len(batch), remaining=len(clicked) - start - len(batch))
        progress(self._query_lapse())

    @api.model
    def _reward_clicked(self):
        """Reward waiting shares that somebody else clicked; let old ones lapse (S5).

        Somebody else is another visitor at another address than the member's own, on
        a counted click of that very link, after the share and within seven days. What
        cannot be rewarded waits for the next run and never stops the rest.

        :return: number of shares decided by this call.
        """
        rewarded = self.browse(self._query_clicked())._reward_claimed()
        return rewarded + self._query_lapse()  # first what somebody clicked in time

    def _reward_claimed(self):
        """Reward these shares; if that fails, one by one without those that fail."""
        try:
            with self.env.cr.savepoint():
                claimed = self._query_claim()
                claimed._reward()
                return len(claimed)
        except Exception:  # one bad share, whatever it is
            if len(self) == 1:
                _logger.exception("share %s not rewarded", self.id)
                return 0
        self.env.invalidate_all(flush=False)
        return sum(share._reward_claimed() for share in self)

    def _query_claim(self):
        """Return those that still wait; another run that has them makes this one fail.

        They are rewarded before anybody else sees that they were claimed.
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "UPDATE referral_share SET reward_state = 'none', visitor_hash = NULL,"
                " ip_hash = NULL WHERE id = ANY(%s) AND reward_state = 'waiting'"
                " RETURNING id",
                self.ids,
            )
        )
        self.invalidate_recordset()
        return self.browse([share_id for (share_id,) in rows])

    @api.model
    def _query_clicked(self):
        """Return the ids of waiting shares that somebody else has clicked.

        A link whose clicks look made waits for its review first (threat S5).
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT share.id FROM referral_share share
                JOIN referral_link link ON link.id = share.link_id
                WHERE share.reward_state = 'waiting'
                    AND link.active AND link.suspicion <> 'to_review'
                    AND EXISTS (
                    SELECT FROM referral_click click
                    WHERE click.link_id = share.link_id AND click.counted
                        AND click.clicked_hour >= date_trunc('hour', share.shared_at)
                        AND click.clicked_at >= share.shared_at
                        AND click.clicked_at < share.shared_at + %(time)s
                        AND click.visitor_hash IS DISTINCT FROM share.visitor_hash
                        AND click.ip_hash IS DISTINCT FROM share.ip_hash)
                ORDER BY share.id
                """,
                time=timedelta(days=CLICK_DAYS),
            )
        )
        return [share_id for (share_id,) in rows]

    @api.model
    def _query_lapse(self):
        """Let shares lapse that nobody clicked in time; return how many.

        A day more than the time itself: the clicks of its last hours were looked at.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE referral_share share SET reward_state = 'lapsed',"
                " visitor_hash = NULL, ip_hash = NULL FROM referral_link link"
                " WHERE link.id = share.link_id AND share.shared_at < %s"
                " AND share.reward_state = 'waiting'"
                " AND link.suspicion <> 'to_review'",
                fields.Datetime.now() - timedelta(days=CLICK_DAYS + 1),
            )
        )
        self.invalidate_model()
        return self.env.cr.rowcount

    # ------------------------------------------------------------------ merging

    @api.model
    def _prepare_merge(self, sources, stays):
        """Keep one first share a day for contacts that are merged (threat M1).

        The one that was rewarded, else the earliest; points given stay given.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets their shares.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE referral_share share SET first_of_day = FALSE,
                    visitor_hash = NULL, ip_hash = NULL,
                    reward_state = CASE share.reward_state WHEN 'waiting' THEN 'none'
                        ELSE share.reward_state END
                FROM (SELECT id, row_number() OVER (
                        PARTITION BY company_id, share_date
                        ORDER BY reward_state = 'rewarded' DESC, shared_at, id) AS place
                    FROM referral_share
                    WHERE first_of_day AND partner_id = ANY(%s)) ranked
                WHERE ranked.id = share.id AND ranked.place > 1
                """,
                (sources | stays).ids,
            )
        )
        self.invalidate_model()
