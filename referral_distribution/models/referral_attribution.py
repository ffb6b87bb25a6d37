import time
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from odoo import api, models
from odoo.http import request

from ..engine.token import Touch, Touches, credit
from .ir_http import COOKIE, read_touches

PARAMETER = "referral"  # of a form or an address; it carries a link's code
DAY = 86400  # seconds


class Attribution(NamedTuple):
    """Whom a visitor's request is credited to, and why.

    ``link`` (referral.link, as superuser) was opened at ``touched_at`` (UTC). The
    ``evidence`` is "cookie", "form" or "address"; ``policy`` and ``days`` are the
    company's at that moment. ``first`` and ``last`` are ``(link, moment)``.
    """

    link: object
    touched_at: datetime
    evidence: str
    policy: str
    days: int
    first: tuple
    last: tuple

    @property
    def member(self):
        return self.link.partner_id


class Origin(NamedTuple):
    """Whom a lead goes to that no visitor's request tells: a mail, a chat, a member.

    It travels in the context (``referral_origin``) to ``crm.lead.create``; an object
    cannot arrive over RPC. ``link`` may be empty. ``agreed`` is whether the member says
    that the contact agreed to be contacted. ``visit`` is what a lead keeps of a visit
    before, see ``crm.lead._prepare_attribution_vals``; None when the link's code was
    only written somewhere.
    """

    evidence: str
    member: object
    link: object
    agreed: bool = False
    visit: dict | None = None


class ReferralAttribution(models.AbstractModel):
    """The one place that tells whom a visitor's request is credited to (rule L1).

    Read when a lead, a sign-up or an online order is made. The cookie counts first;
    without one that credits anybody, the code that the form carries, then the one in
    the address of the request, then the one in the address of the page it was sent
    from. So a visitor who refuses cookies is not lost (threat C3).

    A touch is passed over, for the next, when its link is closed by now, when its
    owner is no active member any more, when it belongs to another company, and when
    the visitor is that member: nobody refers oneself.
    """

    _name = "referral.attribution"
    _description = "Whom a Visitor's Request Is Credited To"

    @api.model
    def _read(self):
        """Return the ``Attribution`` of the running request, or None.

        Only a visitor's own request counts: a colleague typing a lead in the back
        office may well have opened a personal link before.
        """
        if not request or not request.env:
            return None
        visitor = request.env.user
        if visitor and visitor._is_internal():
            return None
        company = self.env.company.sudo()
        now = int(time.time())
        for evidence, code, touch, touches in self._get_candidates(company, now):
            link = self.env["referral.link"]._find_open(code)
            if link.company_id != company:
                continue
            if link.partner_id != visitor.partner_id:
                return self._prepare(link, evidence, touch, touches, company)
        return None

    @api.model
    def _read_codes(self, codes, evidence, company, besides=None):
        """Return the ``Origin`` that the first good one of some codes names, or None.

        A code is one of a personal link, or a member's own invite code. Closed links
        and members who take no part any more are passed over (threats S7, I5).

        :param codes: texts, what counts most first.
        :param str evidence: a key of the lead's ``referral_evidence``.
        :param company: res.company the lead is for.
        :param besides: res.partner who wrote it: nobody refers oneself.
        """
        links = self.env["referral.link"].sudo()
        for code in codes:
            link = links._find_open(code)
            if link and link.company_id == company:
                if link.partner_id != besides:
                    return Origin(evidence, link.partner_id, link)
                continue
            invite = self.env["referral.invite.code"]._find(code)
            owner = invite.partner_id
            if owner == besides or invite._get_credit_problem(company):
                continue
            return Origin(evidence, owner, links.browse())
        return None

    @api.model
    def _get_candidates(self, company, now):
        """Yield ``(evidence, code, touch, touches)``, what counts most first.

        Without a cookie, the visitor's only touch is the request itself.
        """
        touches = self._get_touches(request.httprequest) or Touches()
        policy = company.referral_attribution_policy
        window = company.referral_attribution_days * DAY
        for touch in credit(touches, policy, now, window):
            link = self.env["referral.link"].sudo().browse(touch.link).exists()
            yield "cookie", link.code, touch, touches
        for evidence, code in self._get_codes():
            yield evidence, code, Touch(at=now), None

    @api.model
    def _get_touches(self, sent):
        """Return what the cookie says, unless the visitor has refused cookies since."""
        cookies = sent.cookies
        if not self.env["ir.http"]._referral_may_set_cookie(cookies, sent.host):
            return None
        return read_touches(self.env, cookies.get(COOKIE))

    @api.model
    def _get_codes(self):
        """Yield ``(evidence, code)`` for what the request carries besides cookies."""
        sent = request.httprequest
        own = "form" if sent.method == "POST" else "address"
        # Odoo sets ``params`` when it dispatches, which may be later.
        yield own, getattr(request, "params", {}).get(PARAMETER)
        try:
            page = urlsplit(sent.referrer or "")
            values = parse_qs(page.query, max_num_fields=100).get(PARAMETER)
        except ValueError:
            return
        if values and page.netloc == sent.host:
            yield "address", values[0]

    @api.model
    def _prepare(self, link, evidence, touch, touches, company):
        moment = _to_datetime(touch.at)
        credited = (link, moment)
        ends = {}
        for name in ("first", "last"):
            end = getattr(touches, name) if touches else touch
            # Of a link that is gone, or another company's, only what was credited.
            found = link.browse(end.link).exists() if touches else link
            ours = found.filtered(lambda one: one.company_id == company)
            ends[name] = (ours, _to_datetime(end.at)) if ours else credited
        return Attribution(
            link,
            moment,
            evidence,
            company.referral_attribution_policy,
            company.referral_attribution_days,
            **ends,
        )


def _to_datetime(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
