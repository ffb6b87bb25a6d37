from odoo import models
from odoo.tools import SQL

from ..engine import invite_path
from ..models import gate


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Merging contacts keeps the invite tree a tree (rule M3, threat M2).

    Odoo re-points every foreign key in SQL: an inviter merged with its invitee would
    invite itself. So the places are put right before: the contact that stays goes
    below the first inviter above all of them, and takes over the others' teams.
    """

    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        partners = self.env["res.partner"].browse(partner_ids).exists()
        if 2 <= len(partners) <= 3:  # any other number is Odoo's to refuse
            stays = dst_partner if dst_partner and dst_partner in partners else None
            stays = stays or self._get_ordered_partner(partners.ids)[-1]
            self._prepare_referral_merge(partners - stays, stays)
        self._allow_merging(True)
        result = super()._merge(partner_ids, dst_partner, extra_checks)
        self._allow_merging(False)
        return result

    def _prepare_referral_merge(self, sources, stays):
        """Put right what Odoo's re-pointing of foreign keys would break. A hook.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets what was theirs.
        :raises UserError: when they cannot be merged; nothing is changed then.
        """
        self._merge_places(sources, stays)
        self.env["referral.link"]._prepare_merge(sources, stays)
        self.env["referral.share"]._prepare_merge(sources, stays)
        self.env["referral.settlement"]._prepare_merge(sources, stays)
        self.env["referral.tier.change"]._prepare_merge(sources, stays)
        self.env["referral.erasure.request"]._prepare_merge(sources, stays)
        self.env["referral.tree.figure"]._prepare_merge(sources)

    def _allow_merging(self, allowed):
        """Let insert-only tables follow the contact (see ``engine/immutable.py``)."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "SELECT set_config('referral.merging', %s, true)",
                "on" if allowed else "off",
            )
        )

    def _merge_places(self, sources, stays):
        """Give ``stays`` one place in the tree, with the teams of all."""
        everybody = gate.opened((sources | stays).sudo())
        if not any(everybody.mapped("invite_path")):
            return
        changes = self.env["referral.inviter.change"]
        # By number: the change is kept for good, names can be asked to be erased.
        numbers = ", ".join(map(str, everybody.ids))
        reason = self.env._("Merge of the contacts %(numbers)s", numbers=numbers)
        stays = everybody.browse(stays.id)
        inviter = self._get_merged_inviter(everybody, stays)
        moves = [(stays, inviter)] if stays.inviter_id != inviter else []
        for source in everybody - stays:
            team = source.with_context(active_test=False).invitee_ids - everybody
            moves += [(member, stays) for member in team]
        for member, above in moves:
            old = member.inviter_id
            member.inviter_id = above
            changes._log(member, old, above, reason)
        (everybody - stays).inviter_id = False
        self.env["referral.invite.node"]._remove(everybody - stays)

    def _get_merged_inviter(self, everybody, stays):
        """Return the nearest inviter that is above everybody merged, or none.

        The place of ``stays`` counts first; if it has no inviter, the others' does.
        """
        for partner in stays | everybody:
            chain = invite_path.ids(partner.invite_path or f"{partner.id}/")
            top = min(
                index for index, member in enumerate(chain) if member in everybody.ids
            )
            if top:
                return everybody.browse(chain[top - 1])
        return everybody.browse()
