from markupsafe import Markup

from odoo import models
from odoo.exceptions import UserError

from ..engine.identity import Identity, likeness
from . import gate

# From which membership to which one a person may go; False is none.
MOVES = {
    False: {"candidate", "active"},
    "candidate": {"active", False},
    "active": {"suspended", "left"},
    "suspended": {"active", "left"},
    "left": {"candidate", "active"},
}
# The mail that tells the member, by where the step leads; the pair (from, to) first.
MAILS = {
    "candidate": "mail_template_member_applied",
    "active": "mail_template_member_welcome",
    ("suspended", "active"): "mail_template_member_reinstated",
    "suspended": "mail_template_member_suspended",
    "left": "mail_template_member_left",
    False: "mail_template_member_refused",
}


class ResPartner(models.Model):
    """How a contact becomes, stays and ceases to be a member (rules M1, M2, M6).

    apply -> approve or refuse -> active -> suspended -> left. Each step is one call of
    ``_set_member_state``, and each tells the member by mail.
    """

    _inherit = "res.partner"

    # ---------------------------------------------------------------- buttons

    def action_referral_approve(self):
        """Make candidates active members, and who was suspended or left again.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on a contact that is none of these.
        """
        self.env.user._referral_require("group_manager")
        self._set_member_state("active")
        return True

    def action_referral_refuse_membership(self, reason):
        """Turn candidates away; they may apply again.

        :param str reason: what the candidate reads.
        :raises AccessError: unless the user is a manager.
        :raises UserError: without a reason, or on who is no candidate.
        """
        self.env.user._referral_require("group_manager")
        self._set_member_state(False, reason)
        return True

    def action_referral_suspend(self, reason):
        """Suspend members: they look, but neither share, invite nor earn.

        :param str reason: what the member reads.
        :raises AccessError: unless the user is a manager.
        :raises UserError: without a reason, or on who is no active member.
        """
        self.env.user._referral_require("group_manager")
        self._set_member_state("suspended", reason)
        return True

    def action_referral_leave(self, reason):
        """End memberships; the place in the tree and what was earned stay.

        :param str reason: what the member reads.
        :raises AccessError: unless the user is a manager.
        :raises UserError: without a reason, or on who is no member.
        """
        self.env.user._referral_require("group_manager")
        self._set_member_state("left", reason)
        return True

    # --------------------------------------------------------------- the gate

    def _set_member_state(self, state, reason=False):
        """Take one step of membership; who stands there already is left alone.

        :param state: a key of ``member_state``, or False.
        :param reason: asked for whenever it is not good news.
        :raises UserError: if the step is not in ``MOVES``, or its reason is missing.
        """
        todo = self.filtered(lambda partner: partner.member_state != state)
        todo._check_member_move(state)
        reason = (reason or "").strip()
        if state not in ("active", "candidate") and not reason:
            raise UserError(self.env._("Give a reason: the member reads it."))
        for before, partners in todo.grouped("member_state").items():
            gate.opened(partners.sudo()).write(
                {"member_state": state, "member_reason": reason}
            )
            partners._tell_member(before, state, reason)

    def _check_member_move(self, state):
        """Refuse a step that is not in ``MOVES``."""
        labels = dict(self._fields["member_state"]._description_selection(self.env))
        labels[False] = self.env._("No member")
        for partner in self:
            if state not in MOVES[partner.member_state]:
                raise UserError(
                    self.env._(
                        "%(name)s cannot go from “%(now)s” to “%(new)s”.",
                        name=partner.display_name,
                        now=labels[partner.member_state],
                        new=labels[state],
                    )
                )

    def _tell_member(self, before, state, reason):
        """Write the step's mail to each, in its own language, and log the reason."""
        if reason:
            for partner in self.sudo():
                partner._message_log(body=Markup("<p>%s</p>") % reason)
        name = MAILS.get((before, state)) or MAILS[state]
        template = self.env.ref(f"referral_distribution.{name}", False)
        if template:
            template.sudo().send_mail_batch(self.filtered("email").ids)

    # ---------------------------------------------------------------- joining

    def _referral_join(self, company, code=None, apply=False):
        """Make a contact a member; the owner of a good code becomes its inviter.

        An existing member may still name its inviter once, if it has none. Who looks
        like the code's owner (threat I2) waits for a manager, as everybody does where
        the company wants so and whoever applies by itself.

        :param company: res.company that is joined.
        :param code: referral.invite.code from ``_find``, empty if there is no such
            code; None if none was given.
        :param bool apply: wait for a manager in any case.
        :return: "", or in the user's language why the code made no inviter.
        :raises UserError: if the member is suspended.
        """
        self.ensure_one()
        if self.member_state == "suspended":
            raise UserError(
                self.env._("This membership is suspended. Ask the company about it.")
            )
        problem = self._name_inviter(company, code) if code is not None else ""
        if self.member_state not in ("candidate", "active"):
            tier = self.env.ref("referral_distribution.res_partner_grade_member", False)
            self.sudo().grade_id = self.grade_id or tier
            alike = self.inviter_id and self._get_likeness(self.inviter_id)
            waits = apply or alike or company.referral_join_approval
            self._set_member_state("candidate" if waits else "active", alike)
        return problem

    def _name_inviter(self, company, code):
        """Make the code's owner the inviter; return why not, or ""."""
        problem = code._get_problem(company, self)
        if not problem and self.inviter_id:
            problem = self.env._("You have an inviter already; it is named once.")
        if not problem and self.member_state == "active":
            problem = self._get_likeness_problem(code.partner_id)
        if not problem:
            try:
                self.sudo()._check_new_inviter(code.partner_id)
            except UserError:
                problem = self.env._(
                    "The owner of this code stands below you in the invite tree and"
                    " cannot become your inviter."
                )
        if not problem:
            code._claim(self)
            gate.opened(self.sudo()).inviter_id = code.partner_id
        return problem

    def _get_likeness_problem(self, owner):
        """Return why an active member does not name this inviter alone (threat I2).

        A newcomer waits for a manager; who is a member already has nothing to wait
        with, so a manager records the inviter as a change.
        """
        if not self._get_likeness(owner):
            return ""
        return self.env._(
            "You and the owner of this code look like the same person to us. Ask the"
            " company to record your inviter."
        )

    def _get_likeness(self, other):
        """Return as text in what two contacts look like one person, or ""."""
        labels = {
            "email": self.env._("e-mail"),
            "phone": self.env._("phone"),
            "company": self.env._("company"),
            "bank": self.env._("bank account"),
        }
        alike = likeness(self._get_identity(), other._get_identity())
        if not alike:
            return ""
        return self.env._(
            "To be checked: the same %(what)s as the inviter.",
            what=", ".join(labels[kind] for kind in alike),
        )

    def _get_identity(self):
        """Return what tells this contact apart from others."""
        partner = self.sudo()
        family = partner.commercial_partner_id
        return Identity(
            emails=tuple(filter(None, [partner.email])),
            phones=tuple(filter(None, [partner.phone])),
            family=family.id if family.is_company else None,
            accounts=tuple(filter(None, partner.bank_ids.mapped("acc_number"))),
        )
