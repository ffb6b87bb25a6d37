def migrate(cr, version):
    """Tell each trail the company of its lead, for the time the lead is gone."""
    cr.execute(
        "UPDATE referral_trail_head head SET company_id = lead.company_id"
        " FROM crm_lead lead"
        " WHERE lead.id = head.lead_id AND lead.company_id IS NOT NULL"
    )
