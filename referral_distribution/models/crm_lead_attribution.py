from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_datetime

from . import gate
from .referral_attribution import Origin
from .referral_territory_owner import ROLES

# Who brought a lead. Changed by hand, the evidence becomes "manual".
CREDIT = ("referrer_id", "referral_link_id", "referral_channel_id")
# Why it went there; kept as it was when the lead came in.
EVIDENCE = (
    "referral_evidence",
    "referral_policy",
    "referral_window_days",
    "referral_touch_at",
    "referral_first_link_id",
    "referral_first_touch_at",
    "referral_last_link_id",
    "referral_last_touch_at",
    "referral_landing_page",
    "referral_contact_agreed",
)
# Evidence that a visitor's own request gives.
VISITS = ("cookie", "form", "address")
# Evidence that somebody or something tells.
TOLD = ("portal", "email", "livechat", "api")
# Where the visitor came from, in Odoo's own terms; the campaign is not always known.
UTM = ("source_id", "medium_id")
CAMPAIGN = "campaign_id"


class CrmLead(models.Model):
    """A lead keeps why it went to whom (rule L1).

    What the visitor's request says is read once, when the lead is made, whoever makes
    it; the evidence cannot be written afterwards but by this module.
    """

    _inherit = "crm.lead"

    referral_evidence = fields.Selection(
        [
            ("cookie", "The visitor's cookie"),
            ("form", "The code in the form"),
            ("address", "The code in the page's address"),
            ("portal", "Recommended by the member"),
            ("email", "The code in an e-mail"),
            ("livechat", "The code in a live chat"),
            ("api", "An outside site"),
            ("manual", "Set by hand"),
        ],
        string="Evidence",
        readonly=True,
        copy=False,
        help="What tells that this member brought the lead.",
    )
    referral_policy = fields.Selection(
        selection="_selection_referral_policy",
        string="Policy",
        readonly=True,
        copy=False,
        help="The company's policy when the lead came in.",
    )
    referral_window_days = fields.Integer(
        string="Window (days)",
        readonly=True,
        copy=False,
        help="The company's attribution window when the lead came in.",
    )
    referral_touch_at = fields.Datetime(
        string="Credited visit",
        readonly=True,
        copy=False,
        help="When the visitor came through the link the lead is credited to.",
    )
    referral_first_link_id = fields.Many2one(
        "referral.link",
        string="First link",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    referral_first_touch_at = fields.Datetime(
        string="First touch", readonly=True, copy=False
    )
    referral_last_link_id = fields.Many2one(
        "referral.link",
        string="Last link",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    referral_last_touch_at = fields.Datetime(
        string="Last touch", readonly=True, copy=False
    )
    referral_landing_page = fields.Char(
        string="Landing page",
        readonly=True,
        copy=False,
        help="What the link led to when the visitor opened it.",
    )
    referral_contact_agreed = fields.Boolean(
        string="Agreed to be contacted",
        readonly=True,
        copy=False,
        help="The member says that the contact agreed to be contacted.",
    )
    referral_attribution_text = fields.Text(
        string="Why this member",
        compute="_compute_referral_attribution_text",
        compute_sudo=True,
        groups=ROLES,
    )

    @api.model
    def _selection_referral_policy(self):
        field = self.env["res.company"]._fields["referral_attribution_policy"]
        return field._description_selection(self.env)

    @api.depends("referrer_id", "referral_link_id", "referral_channel_id", *EVIDENCE)
    @api.depends_context("lang", "tz")
    def _compute_referral_attribution_text(self):
        for lead in self:
            lead.referral_attribution_text = lead._get_attribution_text()

    def _get_attribution_text(self):
        """Return in the user's language and time zone why the lead went to whom."""
        self.ensure_one()
        if not self.referrer_id:
            return False
        visited = self.referral_evidence in VISITS
        credited = (self.referral_link_id, self.referral_touch_at) if visited else None
        first = (self.referral_first_link_id, self.referral_first_touch_at)
        last = (self.referral_last_link_id, self.referral_last_touch_at)
        lines = self._get_evidence_lines()
        if first[0] and first != credited:
            touch = self._get_touch_text(*first)
            lines.append(self.env._("First touch: %(touch)s.", touch=touch))
        if last[0] and last not in (credited, first):
            touch = self._get_touch_text(*last)
            lines.append(self.env._("Last touch: %(touch)s.", touch=touch))
        return "\n".join(lines)

    def _get_evidence_lines(self):
        link = self.referral_link_id
        told = self._get_told_text()
        if told:
            return [told]
        if self.referral_evidence not in VISITS or not link:
            return [self.env._("Set by hand.")]
        touch = self._get_touch_text(link, self.referral_touch_at)
        if self.referral_evidence == "form":
            text = self.env._(
                "The form carried the link's code: %(touch)s.", touch=touch
            )
            return [text]
        if self.referral_evidence == "address":
            return [
                self.env._(
                    "The page's address carried the link's code: %(touch)s.",
                    touch=touch,
                )
            ]
        return [
            self._get_policy_text(),
            self.env._("Credited: %(touch)s.", touch=touch),
            *self._get_passed_over_lines(),
        ]

    def _get_told_text(self):
        """Return who told it, for evidence that is no visit of the visitor's own."""
        if self.referral_evidence == "livechat" and self.referral_touch_at:
            return self.env._(
                "Who chatted had come through a personal link: %(touch)s.",
                touch=self._get_touch_text(
                    self.referral_link_id, self.referral_touch_at
                ),
            )
        return {
            "api": self.env._("An outside site told who brought this lead."),
            "portal": self.env._("The member recommended this company in the portal."),
            "email": self.env._("The e-mail carried the member's code."),
            "livechat": self.env._("The live chat carried the member's code."),
        }.get(self.referral_evidence)

    def _get_policy_text(self):
        days = self.referral_window_days
        if self.referral_policy == "first":
            return self.env._(
                "The first touch counts, as long as the visitor comes back within"
                " %(days)s days each time.",
                days=days,
            )
        if self.referral_policy == "first_unless_expired":
            return self.env._(
                "The first touch counts for %(days)s days, then the last one.",
                days=days,
            )
        return self.env._("The last touch within %(days)s days counts.", days=days)

    def _get_passed_over_lines(self):
        """Tell when the touch that the policy names is not the one credited."""
        named = (
            self.referral_last_link_id
            if self.referral_policy == "last"
            else self.referral_first_link_id
        )
        if self.referral_policy == "first_unless_expired" or (
            named == self.referral_link_id
        ):
            return []
        return [
            self.env._(
                "The touch the policy names was passed over: its link was closed, or"
                " its member took no part any more."
            )
        ]

    def _get_touch_text(self, link, moment):
        return self.env._(
            "%(member)s through %(page)s on %(channel)s, %(moment)s",
            member=link.partner_id.display_name,
            page=link.target_text,
            channel=link.channel_id.name,
            moment=format_datetime(self.env, moment, tz=self.env.context.get("tz")),
        )

    @api.model
    def default_get(self, fields):
        """Say where the visitor comes from; a caller's ``default_`` keys prove nothing.

        Odoo's website form asks for the medium before it makes the lead.
        """
        values = super().default_get(fields)
        for name in EVIDENCE:
            values.pop(name, None)
        asked = [name for name in (*UTM, CAMPAIGN) if name in fields]
        attribution = asked and self.env["referral.attribution"]._read()
        if attribution:
            found = self._prepare_utm_vals(attribution.link)
            values.update({name: found[name] for name in asked if name in found})
        return values

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_evidence(vals)
        keyed = gate.is_open(self.env)
        prepared = [self._prepare_attributed_vals(vals, keyed) for vals in vals_list]
        return super().create(prepared)

    def write(self, vals):
        self._check_evidence(vals)
        if gate.is_open(self.env) or not vals.keys() & set(CREDIT):
            return super().write(vals)
        before = [(lead, lead.referrer_id, lead.referral_link_id) for lead in self]
        result = super().write(vals)
        for lead, referrer, link in before:
            if (lead.referrer_id, lead.referral_link_id) != (referrer, link):
                evidence = "manual" if lead.referrer_id else False
                gate.opened(lead).write({"referral_evidence": evidence})
        return result

    def _check_evidence(self, vals):
        if vals.keys() & set(EVIDENCE) and not gate.is_open(self.env):
            raise AccessError(
                self.env._("Why a lead went to a member is kept as it was.")
            )

    @api.model
    def _prepare_attributed_vals(self, vals, keyed):
        """Return the values of a new lead with whom it goes to, and why."""
        if vals.get("referrer_id") or vals.get("referral_link_id"):
            by = "api" if self._is_made_by_outside_site() else "manual"
            return vals if keyed else {**vals, "referral_evidence": by}
        origin = self.env.context.get("referral_origin")
        if isinstance(origin, Origin):
            return {**vals, **self._prepare_origin_vals(origin, vals)}
        attribution = self.env["referral.attribution"]._read()
        if not attribution:
            return vals
        return {
            **self._prepare_utm_vals(attribution.link),
            **vals,
            **self._prepare_attribution_vals(attribution),
        }

    @api.model
    def _is_made_by_outside_site(self):
        return self.env.user.has_group("referral_distribution.group_integration")

    @api.model
    def _prepare_utm_vals(self, link):
        """Return source, medium and, if link or page have one, campaign of a link."""
        found = {name: link.channel_id[name].id for name in UTM}
        campaign = link._get_campaign()
        return {**found, CAMPAIGN: campaign.id} if campaign else found

    @api.model
    def _prepare_attribution_vals(self, attribution):
        """Return what a lead keeps of an ``Attribution``."""
        (first, first_at), (last, last_at) = attribution.first, attribution.last
        return {
            "referral_link_id": attribution.link.id,
            "referral_evidence": attribution.evidence,
            "referral_policy": attribution.policy,
            "referral_window_days": attribution.days,
            "referral_touch_at": attribution.touched_at,
            "referral_first_link_id": first.id,
            "referral_first_touch_at": first_at,
            "referral_last_link_id": last.id,
            "referral_last_touch_at": last_at,
            "referral_landing_page": attribution.link._get_target_at(
                attribution.touched_at
            ),
        }

    @api.model
    def _prepare_origin_vals(self, origin, vals):
        """Return what a lead keeps of an ``Origin``; the utm terms it has stay."""
        found = {
            "referrer_id": origin.member.id,
            "referral_evidence": origin.evidence,
            "referral_contact_agreed": origin.agreed,
        }
        link = origin.link
        if not link:
            return found
        utm = self._prepare_utm_vals(link)
        found.update({name: utm[name] for name in utm if not vals.get(name)})
        return {**(origin.visit or {}), **found, "referral_link_id": link.id}

    def _was_link_opened(self):
        """Tell whether the link was opened, not only written into a mail or a chat."""
        self.ensure_one()
        return bool(self.referral_touch_at) or self.referral_evidence not in TOLD

    def _prepare_evidence_content(self):
        """Return what the trail keeps of the evidence, where nobody can alter it."""
        self.ensure_one()
        found = {
            "evidence": self.referral_evidence,
            "policy": self.referral_policy,
            "days": self.referral_window_days,
            "agreed": int(self.referral_contact_agreed),
        }
        return {name: value for name, value in found.items() if value}

    def _merge_opportunity(
        self, user_id=False, team_id=False, auto_unlink=True, max_length=5
    ):
        """Who brought it and why come from one lead, never half from another."""
        giver = self._sort_by_confidence_level(reverse=True)._get_credit_giver()
        evidence = giver._convert_to_write({name: giver[name] for name in EVIDENCE})
        head = super()._merge_opportunity(
            user_id=user_id,
            team_id=team_id,
            auto_unlink=auto_unlink,
            max_length=max_length,
        )
        if giver:
            gate.opened(head).write(evidence)
        return head

    def _get_credit_giver(self):
        """Return the first of the leads that somebody brought."""
        return self.filtered("referrer_id")[:1]

    def _merge_get_fields_specific(self):
        """Where nobody brought any of them there is nothing to write."""
        special = super()._merge_get_fields_specific()
        if not self._get_credit_giver():
            return special

        def get_from_giver(name, leads):
            return leads._get_credit_giver()[name].id

        return {**special, **dict.fromkeys(CREDIT, get_from_giver)}
