def migrate(cr, version):
    """Leads of before went to the last link; what is known of them says why."""
    if not version:
        return
    cr.execute(
        "UPDATE crm_lead lead SET referral_evidence = 'cookie',"
        " referral_policy = 'last', referral_last_link_id = lead.referral_link_id,"
        " referral_touch_at = lead.referral_last_touch_at,"
        " referral_window_days = company.referral_attribution_days"
        " FROM referral_link link JOIN res_company company"
        " ON company.id = link.company_id"
        " WHERE link.id = lead.referral_link_id AND lead.referrer_id = link.partner_id"
        " AND lead.referral_last_touch_at IS NOT NULL"
        " AND lead.referral_evidence IS NULL"
    )
    cr.execute(
        "UPDATE crm_lead SET referral_evidence = 'manual'"
        " WHERE referrer_id IS NOT NULL AND referral_evidence IS NULL"
    )
