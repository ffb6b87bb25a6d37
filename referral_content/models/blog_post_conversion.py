from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain

_FIGURE_GROUPS = ",".join(
    f"referral_distribution.group_{role}"
    for role in ("content_operator", "media_operator", "sales")
)


class BlogPost(models.Model):
    """What an article brings, from the click to the contract (rule T4)."""

    _inherit = "blog.post"

    referral_currency_id = fields.Many2one(
        "res.currency", compute="_compute_referral_figures", groups=_FIGURE_GROUPS
    )
    referral_click_count = fields.Integer(
        string="Clicks", compute="_compute_referral_figures", groups=_FIGURE_GROUPS
    )
    referral_lead_count = fields.Integer(
        string="Leads", compute="_compute_referral_figures", groups=_FIGURE_GROUPS
    )
    referral_valid_lead_count = fields.Integer(
        string="Valid leads", compute="_compute_referral_figures", groups=_FIGURE_GROUPS
    )
    referral_contract_count = fields.Integer(
        string="Contracts", compute="_compute_referral_figures", groups=_FIGURE_GROUPS
    )
    referral_contract_amount = fields.Monetary(
        string="Contract amount",
        compute="_compute_referral_figures",
        currency_field="referral_currency_id",
        groups=_FIGURE_GROUPS,
        help="Untaxed, in the company's currency at today's rates.",
    )

    @api.depends_context("allowed_company_ids")
    def _compute_referral_figures(self):
        """Clicks, leads, valid leads, contracts and amount (rule T4), in three queries.

        Operators see what their articles bring without any right on leads or orders,
        hence ``sudo``; only the companies they work in count.
        """
        company = self.env.company
        clicks = self._get_click_counts()
        leads, valid = self._get_lead_counts()
        contracts, amounts = self._get_contract_figures()
        for post in self:
            post.referral_currency_id = company.currency_id
            post.referral_click_count = clicks.get(post._origin.id, 0)
            post.referral_lead_count = leads.get(post._origin.id, 0)
            post.referral_valid_lead_count = valid.get(post._origin.id, 0)
            post.referral_contract_count = contracts.get(post._origin.id, 0)
            post.referral_contract_amount = amounts.get(post._origin.id, 0.0)

    def _get_click_counts(self):
        groups = (
            self.env["referral.click.figure"]
            .sudo()
            ._read_group(
                [
                    ("link_id.blog_post_id", "in", self.ids),
                    ("company_id", "in", self.env.companies.ids),
                ],
                ["link_id.blog_post_id"],
                ["clicks:sum"],
            )
        )
        return {post.id: count for post, count in groups}

    def _get_lead_counts(self):
        groups = (
            self.env["crm.lead"]
            .sudo()
            .with_context(active_test=False)  # lost leads were leads
            ._read_group(
                self._get_leads_domain(),
                ["blog_post_id", "referral_validity"],
                ["__count"],
            )
        )
        leads, valid = defaultdict(int), defaultdict(int)
        for post, validity, count in groups:
            leads[post.id] += count
            if validity == "valid":
                valid[post.id] += count
        return leads, valid

    def _get_contract_figures(self):
        groups = (
            self.env["sale.order"]
            .sudo()
            ._read_group(
                self._get_contracts_domain(),
                ["referral_lead_id.blog_post_id", "currency_id"],
                ["__count", "amount_untaxed:sum"],
            )
        )
        company, today = self.env.company, fields.Date.context_today(self)
        rates = {
            currency: currency._get_conversion_rate(
                currency, company.currency_id, company, today
            )
            for currency in {currency for _post, currency, *_sums in groups}
        }
        contracts, amounts = defaultdict(int), defaultdict(float)
        for post, currency, count, amount in groups:
            contracts[post.id] += count
            amounts[post.id] += company.currency_id.round(amount * rates[currency])
        return contracts, amounts

    def _get_leads_domain(self):
        return Domain("blog_post_id", "in", self.ids) & Domain(
            "company_id", "in", [False, *self.env.companies.ids]
        )

    def _get_contracts_domain(self):
        return (
            Domain("referral_lead_id.blog_post_id", "in", self.ids)
            & Domain("project_phase", ">", 0)
            & Domain("company_id", "in", self.env.companies.ids)
        )

    def action_referral_view_links(self):
        """Open the personal links to the article, with their clicks (rule T4)."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Links"),
            "res_model": "referral.link",
            "view_mode": "list",
            "domain": list(Domain("blog_post_id", "=", self.id)),
            "context": {"group_by": "channel_id", "create": False},
        }

    def action_referral_view_leads(self):
        """Open the leads that came from the article (rule T4)."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Leads"),
            "res_model": "crm.lead",
            "view_mode": "list,form",
            "domain": list(self._get_leads_domain()),
            "context": {"active_test": False, "create": False},
        }

    def action_referral_view_contracts(self):
        """Open the contracts made with those leads (rule T4)."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Contracts"),
            "res_model": "sale.order",
            "view_mode": "list,form",
            "domain": list(self._get_contracts_domain()),
            "context": {"create": False},
        }
