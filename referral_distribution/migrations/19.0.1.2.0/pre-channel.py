from odoo.tools import SQL, sql

COLUMNS = {
    "referral_channel": {
        "stage": "varchar",
        "terms": "varchar",
        "date_from": "date",
        "won_on": "date",
        "user_id": "int4",  # nobody, rather than who runs the update
    },
    # Else the ORM would compute them for every lead there is.
    "crm_lead": {"referral_lead_fee": "numeric", "referral_fee_currency_id": "int4"},
    "sale_order": {"referral_channel_id": "int4"},
    "referral_commission": {"channel_id": "int4"},
}


def migrate(cr, version):
    """Partner channels that exist are in use; what they were paid stays theirs."""
    if not version:
        return
    for table, columns in COLUMNS.items():
        for column, kind in columns.items():
            if not sql.column_exists(cr, table, column):
                sql.create_column(cr, table, column, kind)
    cr.execute(
        SQL(
            "UPDATE referral_channel SET stage = 'cooperating', terms = 'free',"
            " date_from = create_date::date, won_on = create_date::date"
            " WHERE kind = 'partner' AND stage IS NULL"
        )
    )
    cr.execute(
        SQL(
            "UPDATE sale_order o SET referral_channel_id = l.referral_channel_id"
            " FROM crm_lead l WHERE l.id = o.referral_lead_id AND o.project_phase > 0"
            " AND o.referral_channel_id IS NULL"
        )
    )
    cr.execute(
        SQL(
            "UPDATE referral_commission c SET channel_id = l.referral_channel_id"
            " FROM referral_plan_rule r, crm_lead l WHERE r.id = c.rule_id"
            " AND r.beneficiary = 'channel_partner' AND l.id = c.lead_id"
            " AND c.channel_id IS NULL"
        )
    )
