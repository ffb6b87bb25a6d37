from odoo import api, fields, models
from odoo.tools import SQL


class ReferralExternalRef(models.Model):
    """How an outside site calls a contact (rule X3).

    A table of its own, beside Odoo's *Reference* that people edit by hand: a contact
    may be known to several sites, and one name means one contact in a company.
    """

    _name = "referral.external.ref"
    _description = "Reference at an Outside Site"
    _rec_name = "ref"
    _order = "id desc"

    partner_id = fields.Many2one(
        "res.partner", string="Contact", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    ref = fields.Char(string="External reference", required=True)

    _ref_unique = models.UniqueIndex(
        "(company_id, ref)", "Another contact has this external reference already."
    )
    _ref_given = models.Constraint(
        "CHECK (trim(ref) <> '')", "Give the reference the outside site uses."
    )

    @api.model
    def _add(self, refs, company):
        """Note how a site calls contacts; one of two at the same moment starts again.

        :param dict refs: ``{partner id: reference}``, references not known yet.
        """
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_external_ref (partner_id, ref, company_id,"
                " create_uid, write_uid, create_date, write_date)"
                " SELECT part.id, part.ref, %(company)s, %(uid)s, %(uid)s,"
                "  %(now)s, %(now)s"
                " FROM unnest(%(ids)s::int[], %(refs)s::text[]) AS part(id, ref)"
                " ON CONFLICT DO NOTHING",
                ids=list(refs),
                refs=list(refs.values()),
                company=company.id,
                uid=self.env.uid,
                now=self.env.cr.now(),
            ),
            log_exceptions=False,  # starting again is no error
        )
        self.env["res.partner"].invalidate_model(["referral_external_ref_ids"])
