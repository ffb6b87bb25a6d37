from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Command

from . import gate


class SignUp(dict):
    """What the sign-up form said beyond Odoo's own fields, under ``referral_signup``.

    It travels in the context. As an object of this class it cannot arrive over RPC.
    Keys: ``invite``, the text typed as invite code.
    """


class ResUsers(models.Model):
    """Who signs up joins as a member, below the owner of the code (rules M2, M6).

    Whether anybody may sign up is Odoo's own setting, "Customer Account". On
    invitation, a good invite code is such an invitation.
    """

    _inherit = "res.users"

    @api.model
    def _referral_is_invite_only(self):
        """Tell whether an account here takes an invitation, as Odoo's setting says."""
        return self._get_signup_invitation_scope() != "b2c"

    @api.model
    def _get_signup_invitation_scope(self):
        if gate.is_open(self.env):
            return "b2c"
        return super()._get_signup_invitation_scope()

    @api.model
    def _signup_create_user(self, values):
        """Make account and membership at once, or neither.

        :raises UserError: on a site on invitation, without a good invite code.
        """
        signup = self.env.context.get("referral_signup")
        if not isinstance(signup, SignUp):
            return super()._signup_create_user(values)
        company = self.env.company
        must_be_invited = (
            not values.get("partner_id") and self._referral_is_invite_only()
        )
        if must_be_invited:
            self._check_referral_invite(company, signup)
        users = gate.opened(self) if must_be_invited else self
        with self.env.cr.savepoint():
            user = super(ResUsers, users)._signup_create_user(
                {
                    "company_id": company.id,
                    "company_ids": [Command.link(company.id)],
                    **values,
                }
            )
            user = self.browse(user.id)  # without the key
            problem = user._post_referral_signup(company, signup, values)
            if problem and must_be_invited:
                raise UserError(problem)
        return user

    @api.model
    def _check_referral_invite(self, company, signup):
        """Refuse a sign-up on invitation whose code is missing or not good."""
        if not signup["invite"]:
            raise UserError(
                self.env._("Signing up takes an invite code. Ask a member for one.")
            )
        code = self.env["referral.invite.code"]._find(signup["invite"])
        if problem := code._get_problem(company):
            raise UserError(problem)

    def _post_referral_signup(self, company, signup, values):
        """Finish the sign-up of a new user. A hook: extend by super().

        Who came through Odoo's own invitation is a customer, and joins only with a
        code.

        :param company: res.company that is joined.
        :param signup: ``SignUp``, see there.
        :param values: the values the account was made from.
        :return: "", or in the user's language why the code made no inviter.
        """
        self.ensure_one()
        partner = self.partner_id.sudo()
        if values.get("partner_id") and not signup["invite"]:
            return ""
        if partner.member_state == "suspended":
            return ""
        code = None
        if signup["invite"]:
            code = self.env["referral.invite.code"]._find(signup["invite"])
        return partner._referral_join(company, code)
