import re

from werkzeug.urls import url_encode

from odoo.fields import Domain
from odoo.http import request, route

from odoo.addons.portal.controllers.portal import CustomerPortal, pager

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
MEMBER_STATES = ("active", "suspended")
RECENT_LEADS = 5
QR_SIZE = 480
MAX_SEARCH = 80


def read_number(value, default=0):
    """Return what a request's parameter says as a number, or ``default`` (threat P6).

    >>> read_number("12"), read_number("-1"), read_number("²", 1), read_number(["3"])
    (12, 0, 1, 0)
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return default


def read_search(value):
    """Return a search text the database can take; junk is no search (threat P6).

    >>> read_search("  a\\x00b "), read_search(None)
    ('ab', '')
    """
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").strip()[:MAX_SEARCH]


class ReferralPortal(CustomerPortal):
    """The members' own pages (rule X1).

    Other addons extend this class with pages of their own: they take the member from
    ``_get_member``, their page's values from ``_prepare_referral_layout_values`` and
    call ``referral_distribution.portal_referral_layout`` in their template.

    A member has no rights on leads, orders and other people. What the pages show of
    them is read as superuser, in helpers whose domain names the member (threat P1).
    """

    @route("/my/referral", type="http", auth="user", website=True, readonly=True)
    def portal_referral_home(self, **_unknown):
        """Show the member's own figures and the next thing to do."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("referral")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_referral_home_values(member)
        return request.render("referral_distribution.portal_referral_home", values)

    def _get_member(self):
        """Return the user's contact when it is an active or suspended member.

        :return: res.partner as superuser, empty for everybody else. Only what belongs
            to the member itself may be read through it.
        """
        partner = request.env.user.partner_id
        return partner if partner.member_state in MEMBER_STATES else partner.browse()

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if not counters:
            values["is_referral_member"] = bool(self._get_member())
        return values

    def _prepare_referral_layout_values(self, page_name):
        """Return what ``portal_referral_layout`` needs.

        :param str page_name: marks the active tab and the last breadcrumb.
        """
        return {
            **self._prepare_portal_layout_values(),
            "page_name": page_name,
            "is_referral_page": True,
            "member": self._get_member(),
            "membership": request.env.user.partner_id.member_state,
            **self._prepare_referral_join_values(),
        }

    def _prepare_referral_join_values(self):
        """Return what the forms for joining show: a typed code and what is wrong.

        The code came with the request's address, or with the sign-up, where it did not
        make its owner the inviter.
        """
        partner = request.env.user.partner_id
        said = request.session.get("referral_invite")
        invite = read_search(request.params.get("invite")) or said
        problem = ""
        if invite and not partner.inviter_id:
            code = request.env["referral.invite.code"]._find(invite)
            problem = code._get_problem(request.env.company, partner)
        return {
            "applicant": partner,
            "invite": invite or "",
            "join_error": problem,
            "signed_up_without_inviter": bool(said and problem),
        }

    def _prepare_referral_home_values(self, member):
        """Return the values of the members' home page. A hook: extend by super().

        :param member: res.partner from ``_get_member``, never empty.
        """
        figures = self._prepare_referral_figures(member)
        return {
            **self._prepare_invite_values(member),
            "figures": figures,
            "is_newcomer": not (figures["clicks"] or figures["leads"]),
            "recent_leads": self._prepare_lead_cards(
                self._get_own_leads(member, limit=RECENT_LEADS)
            ),
        }

    def _render_non_member(self, values):
        return request.render(
            "referral_distribution.portal_referral_non_member", values
        )

    def _get_qr_url(self, value):
        """Return the address of a picture that carries ``value`` as QR code."""
        image = {
            "barcode_type": "QR",
            "value": value,
            "width": QR_SIZE,
            "height": QR_SIZE,
            "barLevel": "M",
        }
        return f"/report/barcode/?{url_encode(image)}"

    def _prepare_invite_values(self, member):
        """Return what ``portal_referral_invite_link`` shows: the member's own link."""
        url = f"{self._get_own_host_url()}/web/signup?invite={member.invite_code}"
        return {"invite_url": url, "invite_qr_url": self._get_qr_url(url)}

    def _get_own_host_url(self):
        """Return the address the user sees this site under, without a slash."""
        return request.httprequest.host_url.rstrip("/")

    def _prepare_referral_figures(self, member):
        """Return what the member has brought about, each figure in one query.

        :return: dict with ``clicks``, ``leads``, ``valid_leads``, ``contracts`` and
            ``earned``, a list of (res.currency, amount).
        """
        by_validity = self._count_leads(member)
        return {
            "clicks": self._count_clicks(member),
            "leads": sum(by_validity.values()),
            "valid_leads": by_validity.get("valid", 0),
            "contracts": request.env["sale.order"]
            .sudo()
            .search_count(self._get_contract_domain(member)),
            "earned": self._get_earned(member),
        }

    def _count_clicks(self, member):
        """Return the counted clicks on the member's links: a sum of daily figures."""
        figures = request.env["referral.click.figure"].sudo()
        [[clicks]] = figures._read_group(
            Domain("partner_id", "=", member.id)
            & Domain("company_id", "=", request.env.company.id),
            aggregates=["clicks:sum"],
        )
        return clicks or 0

    def _get_earned(self, member):
        """Return what the member's rewards come to, less what was taken back.

        :return: [(res.currency, amount)].
        """
        rewards = request.env["referral.commission"].sudo()
        return rewards._read_group(
            self._get_commission_domain(member),
            ["currency_id"],
            ["amount:sum"],
        )

    def _get_lead_domain(self, member):
        company = request.env.company
        return Domain("referrer_id", "=", member.id) & Domain(
            "company_id", "in", [company.id, False]
        )

    def _get_contract_domain(self, member):
        return (
            Domain("referrer_id", "=", member.id)
            & Domain("company_id", "=", request.env.company.id)
            & Domain("project_phase", ">", 0)
        )

    def _get_commission_domain(self, member):
        return Domain("partner_id", "=", member.id) & Domain(
            "company_id", "=", request.env.company.id
        )

    def _count_leads(self, member):
        """Return ``{validity: number}`` of the member's leads, lost ones included."""
        leads = request.env["crm.lead"].sudo().with_context(active_test=False)
        return dict(
            leads._read_group(
                self._get_lead_domain(member), ["referral_validity"], ["__count"]
            )
        )

    def _get_own_leads(self, member, validity=None, offset=0, limit=None):
        leads = request.env["crm.lead"].sudo().with_context(active_test=False)
        domain = self._get_lead_domain(member)
        if validity:
            domain &= Domain("referral_validity", "=", validity)
        return leads.search(
            domain, order="create_date desc, id desc", offset=offset, limit=limit
        )

    def _prepare_lead_cards(self, leads):
        """Return what a member may know of each lead: never its contact data."""
        labels = leads._get_member_labels()
        titles = self._get_page_titles(set(leads.referral_link_id.mapped("target_url")))
        return [
            {
                "name": self._get_lead_name(lead),
                "validity": lead.referral_validity,
                "validity_label": labels[lead.referral_validity],
                "reason": lead.referral_reason,
                "stage": lead.stage_id.name if lead.active else False,
                "date": lead.create_date,
                "page": titles.get(lead.referral_link_id.target_url),
                "channel": lead.referral_channel_id.name,
            }
            for lead in leads
        ]

    def _get_lead_name(self, lead):
        return lead._get_masked_name()

    def _get_selection(self, records, name):
        """Return ``{value: label}`` of a selection field, in the user's language."""
        return dict(records._fields[name]._description_selection(request.env))

    def _get_page_titles(self, paths):
        """Return ``{path: what that page is called}``.

        :param set paths: targets of personal links, as ``/blog/news-1``.
        """
        return request.env["referral.link"].sudo()._get_target_titles(paths)

    def _get_page_texts(self, paths):
        """Return ``{path: a sentence on that page, or ""}``. A hook, as for titles."""
        return dict.fromkeys(paths, "")

    def _get_pager(self, url, total, page, step, **url_args):
        """Return Odoo's pager; a page that does not exist is the nearest one (P6)."""
        return pager(
            url=url,
            total=total,
            page=read_number(page, 1),
            step=step,
            url_args={name: value for name, value in url_args.items() if value},
        )
