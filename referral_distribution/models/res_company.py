from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL


class ResCompany(models.Model):
    _inherit = "res.company"

    referral_attribution_days = fields.Integer(
        string="Attribution window (days)",
        default=30,
        help="How long a visit through a personal link keeps counting for its member.",
    )
    referral_attribution_policy = fields.Selection(
        [
            ("last", "Last touch"),
            ("first", "First touch"),
            ("first_unless_expired", "First touch unless expired"),
        ],
        string="Attribution policy",
        default="last",
        required=True,
        help="Who gets a visitor that came through several members' links. Last touch:"
        " who brought the visitor last. First touch: who brought the visitor first, as"
        " long as the visitor comes back within the window each time. First touch"
        " unless expired: who brought the visitor first, for the window's length; then"
        " who brought the visitor last. A visit without a link changes nothing.",
    )
    referral_paying_levels = fields.Selection(
        [
            ("1", "1: who brought it"),
            ("2", "2: who brought it and the inviter"),
            ("3", "3: with the inviter's inviter, after a sign-off"),
        ],
        string="Paying levels",
        default="2",
        required=True,
        help="How many levels of the invite tree a contract rewards.",
    )
    referral_join_approval = fields.Boolean(
        string="A manager approves new members",
        help="Who signs up waits as a candidate. Off: a member at once.",
    )
    referral_team_names = fields.Selection(
        [("masked", "First letter only"), ("full", "Full names")],
        string="Names in the team",
        default="masked",
        required=True,
        help="How members see the names of the people below them.",
    )
    referral_team_insight = fields.Selection(
        [
            ("none", "Nothing"),
            ("counts", "Numbers of leads and contracts"),
            ("amounts", "Numbers and amounts"),
        ],
        string="Insight into the team",
        default="counts",
        required=True,
        help="What agents and distributors see of what the people below them brought.",
    )
    referral_people_line = fields.Integer(
        string="People",
        default=30,
        required=True,
        help="How many people of one invite tree, its root included, reach the line.",
    )
    referral_levels_line = fields.Integer(
        string="Levels",
        default=3,
        required=True,
        help="How many levels of one invite tree, its root included, reach the line.",
    )
    referral_warn_percent = fields.Integer(
        string="Warn at (%)",
        default=80,
        required=True,
        help="At which share of the people managers are warned, one level early.",
    )
    referral_compliance_user_id = fields.Many2one(
        "res.users",
        string="Compliance officer",
        help="Who is warned. Empty: every manager of the company.",
    )

    _referral_paying_levels_cap = models.Constraint(
        "CHECK (referral_paying_levels IN ('1', '2', '3'))",
        "No more than three levels are ever paid.",
    )
    _referral_people_line_range = models.Constraint(
        "CHECK (referral_people_line BETWEEN 2 AND 1000000)",
        "The line of people must be between 2 and 1,000,000.",
    )
    _referral_levels_line_range = models.Constraint(
        "CHECK (referral_levels_line BETWEEN 2 AND 1000)",
        "The line of levels must be between 2 and 1,000.",
    )
    _referral_warn_percent_range = models.Constraint(
        "CHECK (referral_warn_percent BETWEEN 1 AND 100)",
        "Warn between 1 and 100 per cent of the line.",
    )
    _referral_attribution_days_range = models.Constraint(
        "CHECK (referral_attribution_days BETWEEN 1 AND 400)",
        "The attribution window must be between 1 and 400 days.",
    )

    def _referral_tz(self):
        """Return the name of the company's time zone: its contact's."""
        self.ensure_one()
        return self.sudo().partner_id.tz or self.env.user.tz or "UTC"

    def _referral_today(self):
        """Return the day it is for this company: a date in its time zone."""
        return fields.Date.context_today(self.with_context(tz=self._referral_tz()))

    def _referral_find_colleague(self, group):
        """Return the first user of a group who works for the company, or none.

        :param str group: XML id.
        """
        self.ensure_one()
        return (
            self.env["res.users"]
            .sudo()
            .search(
                Domain("all_group_ids", "in", self.env.ref(group).ids)
                & Domain("company_ids", "in", self.ids)
                & Domain("share", "=", False),
                order="id",
                limit=1,
            )
        )

    @api.constrains("referral_paying_levels")
    def _check_referral_signoff(self):
        """A third level needs a sign-off in force, whoever writes it (rules M4, M7)."""
        signoffs = self.env["referral.compliance.signoff"].sudo()
        for company in self.filtered(lambda c: c.referral_paying_levels == "3"):
            company._query_lock_referral_levels()
            if not signoffs._get_in_force(company):
                raise ValidationError(
                    self.env._(
                        "Three paying levels need a sign-off for %(company)s: a manager"
                        " requests it under Referral / Members / Compliance, and"
                        " another manager signs it. Until then, choose 1 or 2.",
                        company=company.name,
                    )
                )

    def _query_lock_referral_levels(self):
        """Let the third level and its sign-off change one after the other.

        Of two transactions, one raising the levels and one revoking the sign-off, the
        later then fails on the company's row and is tried again by Odoo, seeing the
        other: it is the write, not a lock, that makes it see.
        """
        self.flush_recordset(["referral_paying_levels"])
        query = "UPDATE res_company SET write_date = write_date WHERE id IN %s"
        self.env.cr.execute(SQL(query, tuple(self.ids) or (0,)))

    def _apply_referral_signoffs(self):
        """Put companies that pay three levels without a sign-off back to two."""
        signoffs = self.env["referral.compliance.signoff"].sudo()
        for company in self.sudo():
            if company.referral_paying_levels == "3" and not signoffs._get_in_force(
                company
            ):
                company.referral_paying_levels = "2"
                company._notify_referral_managers(
                    lambda env, company=company: env._(
                        "%(company)s pays two levels again", company=company.name
                    ),
                    "referral_distribution.compliance_mail_two_levels",
                    {"company": company},
                )

    @api.model
    def _cron_referral_signoffs(self):
        """Each hour: a sign-off that has run out allows nothing (rule M4)."""
        self.search([("referral_paying_levels", "=", "3")])._apply_referral_signoffs()

    def _get_referral_managers(self):
        """Return the managers of the company, the superuser left out."""
        self.ensure_one()
        managers = self.env.ref("referral_distribution.group_manager").sudo()
        return managers.all_user_ids.filtered(
            lambda user: self in user.company_ids and not user._is_superuser()
        )

    def _get_referral_compliance_users(self):
        """Return who is warned: the compliance officer, or else every manager."""
        self.ensure_one()
        officer = self.sudo().referral_compliance_user_id
        return officer if officer.active else self._get_referral_managers()

    def _notify_referral_managers(self, get_subject, template, values):
        """Send one message to each person to be warned, in their own language.

        :param get_subject: takes an environment in that language, returns text.
        :param str template: xml id of a QWeb template.
        :param dict values: what the template reads.
        """
        self.ensure_one()
        for user in self._get_referral_compliance_users():
            env = self.with_context(lang=user.lang or self.env.lang).env
            body = env["ir.qweb"]._render(template, values, lang=user.lang)
            env["mail.thread"].sudo().message_notify(
                partner_ids=user.partner_id.ids,
                subject=get_subject(env),
                body=body,
            )
