from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..engine import target


class ReferralLink(models.Model):
    """Where links lead: pages of the own site, and hosts the company lists (S2).

    What is stored was normalized before, so it is plain ASCII and leads nowhere else,
    whoever reads it.
    """

    _inherit = "referral.link"

    target_kind = fields.Selection(
        [
            ("article", "Article"),
            ("product", "Product"),
            ("event", "Event"),
            ("page", "Page"),
            ("outside", "Outside page"),
        ],
        string="Kind of page",
        compute="_compute_target_kind",
        store=True,
    )

    target_text = fields.Char(
        string="Page shown",
        compute="_compute_target_text",
        help="The page in letters people read, not as browsers escape them.",
    )

    _outside_index = models.Index("(company_id) WHERE target_kind = 'outside'")

    @api.depends("target_url")
    def _compute_target_kind(self):
        for link in self:
            link.target_kind = self._get_target_kind(link.target_url or "/")

    @api.depends("target_url")
    def _compute_target_text(self):
        for link in self:
            link.target_text = target.get_readable(link.target_url or "")

    @api.model
    def _get_target_kind(self, path):
        """Return what a normalized target is, by its form alone. A hook.

        :param str path: as ``_normalize_target`` returns it.
        :return: value of ``target_kind``.
        """
        languages = set(self.env["res.lang"]._get_active_by("url_code"))
        return target.get_kind(path, languages)

    @api.model
    def _get_target_titles(self, targets):
        """Return ``{target: what that page is called}``. A hook for content addons.

        :param set targets: targets of personal links, as ``/blog/news-1``.
        """
        front = self.env._("Front page")
        return {
            path: front if path == "/" else target.get_readable(path)
            for path in targets
        }

    @api.model
    def _get_own_hosts(self):
        """Return the host names (with port) a target may be written with. A hook."""
        parameter = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        addresses = (self.get_base_url(), self.env.company.get_base_url(), parameter)
        return frozenset(
            urlsplit(address).netloc.lower() for address in addresses if address
        )

    @api.model
    def _normalize_target(self, url):
        """Return the page that ``url`` names, spelled one way (threat S2).

        :param str url: what somebody typed or copied.
        :return: a path of the own site, or an https address on an outside host of the
            current company.
        :raises UserError: for anything else.
        """
        return self._normalize_targets([url])[0]

    @api.model
    def _normalize_targets(self, urls):
        """Do as ``_normalize_target`` for each; what is asked for is read once."""
        own = self._get_own_hosts()
        hosts = target.read_hosts(self.env.company.sudo().referral_target_hosts)
        try:
            return [target.normalize_target(url, own, hosts) for url in urls]
        except ValueError as error:
            raise UserError(self._get_target_problem(hosts)) from error

    @api.model
    def _get_target_problem(self, hosts):
        if hosts:
            return self.env._(
                "A personal link leads to a page of this site, written as in the"
                " address bar, for example /blog; or to an address that begins with"
                " https:// on one of these hosts: %(hosts)s.",
                hosts=", ".join(hosts[:10]),
            )
        return self.env._(
            "A personal link leads to a page of this site. Write it as in the"
            " address bar, for example /blog."
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            company = self.env.company.browse(vals.get("company_id"))
            vals.update(self._prepare_target(vals, company))
        return super().create(vals_list)

    def write(self, vals):
        for company in self.company_id:  # nearly always one
            vals = {**vals, **self._prepare_target(vals, company)}
        if "target_url" in vals:
            self._check_page_free(vals["target_url"])
        return super().write(vals)

    @api.model
    def _prepare_target(self, vals, company):
        if "target_url" not in vals:
            return {}
        links = self.with_company(company or self.env.company)
        return {"target_url": links._normalize_target(vals["target_url"])}

    @api.constrains("target_url", "active")
    def _check_target_url(self):
        """A link that is on leads where links may lead today."""
        on = self.filtered("active")
        for company, links in on.grouped("company_id").items():
            self.with_company(company)._normalize_targets(links.mapped("target_url"))

    def _check_page_free(self, url):
        """Say which link is in the way before the unique index does.

        :raises ValidationError: when the member has another link to that page.
        """
        everything = self.sudo().with_context(active_test=False)
        for link in everything.filtered(lambda link: not link.merged):
            key = ("company_id", "partner_id", "channel_id")
            same = everything.search(
                Domain.AND(Domain(name, "=", link[name].id) for name in key)
                & Domain("target_url", "=", url)
                & Domain("merged", "=", False)
                & Domain("id", "!=", link.id),
                limit=1,
            )
            if same:
                raise ValidationError(
                    self.env._(
                        "%(member)s already has a link to this page for this channel:"
                        " %(link)s. Use that one, or give this one another page.",
                        member=link.partner_id.display_name,
                        link=same.display_name,
                    )
                )

    @api.model
    def _close_foreign_targets(self, companies):
        """Switch off the links to hosts that a company does not list any more (S2).

        The door reads the stored target only, so it is here that a shorter list takes
        effect. A link stays off when the host comes back: somebody switches it on.
        """
        for company in companies:
            hosts = set(target.read_hosts(company.referral_target_hosts))
            links = self.sudo().search(
                Domain("company_id", "=", company.id)
                & Domain("target_kind", "=", "outside")
            )
            gone = links.filtered(
                lambda link, hosts=hosts: target.get_host(link.target_url) not in hosts
            )
            gone._track_set_log_message(
                self.env._("Links may not lead to this host any more: switched off.")
            )
            gone.active = False

    @api.autovacuum
    def _gc_foreign_targets(self):
        """Once a day, for a link made at the moment the list became shorter."""
        self._close_foreign_targets(self.env["res.company"].sudo().search([]))
