"""What each CHECK is for, as ``TestChecks`` tries it: name, table, changes."""

# What no amount may be, as SQL literals; the last is too large for a rate's column.
NOT_FINITE = ("'NaN'", "'Infinity'", "'-Infinity'", "-1", "1e300")

# A channel that meets all of them, but for its partner.
CLUB = {
    "name": "Club",
    "kind": "partner",
    "stage": "cooperating",
    "terms": "free",
    "date_from": "2026-01-01",
}
CHANNEL_CHECKS = (
    (
        "referral_channel_partner_kind_has_partner",
        "referral_channel",
        ["kind = 'own', stage = NULL"],
    ),
    (
        "referral_channel_partner_kind_has_stage",
        "referral_channel",
        ["stage = NULL", "kind = 'own', partner_id = NULL, stage = 'ended'"],
    ),
    (
        "referral_channel_cooperation_is_agreed",
        "referral_channel",
        [f"{name} = NULL" for name in ("partner_id", "terms", "date_from")],
    ),
    (
        "referral_channel_lead_fee_finite",
        "referral_channel",
        [f"lead_fee = {bad}" for bad in NOT_FINITE],
    ),
    (
        "referral_channel_deal_share_range",
        "referral_channel",
        [f"deal_share = {bad}" for bad in ("101", *NOT_FINITE)],
    ),
    (
        "referral_channel_period_order",
        "referral_channel",
        ["date_to = date_from - 1"],
    ),
    (
        "referral_channel_audience_size_range",
        "referral_channel",
        ["audience_size = -1"],
    ),
    (
        "crm_lead_referral_lead_fee_finite",
        "crm_lead",
        [f"referral_lead_fee = {bad}" for bad in NOT_FINITE],
    ),
    (
        "sale_order_referral_deal_share_range",
        "sale_order",
        [f"referral_deal_share = {bad}" for bad in ("101", *NOT_FINITE)],
    ),
    (
        "referral_plan_rule_terms_are_partners",
        "referral_plan_rule",
        [
            f"rate_type = 'terms', {bad}"
            for bad in (
                "beneficiary = 'member'",
                "beneficiary = 'channel_partner', level = 1",
                "beneficiary = 'channel_partner', base = 'member_reward'",
            )
        ],
    ),
)
COMMISSION_CHECKS = (
    (
        "res_company_referral_attachment_months_range",
        "res_company",
        ["referral_attachment_months = -1", "referral_attachment_months = 1201"],
    ),
    (
        "res_company_referral_review_hours_range",
        "res_company",
        ["referral_review_hours = -1", "referral_review_hours = 8761"],
    ),
    (
        "res_company_referral_recommendation_limit_range",
        "res_company",
        ["referral_recommendation_limit = -1", "referral_recommendation_limit = 10001"],
    ),
    (
        "referral_commission_amount_finite",
        "referral_commission",
        ["amount = 0", *(f"amount = {bad}" for bad in NOT_FINITE)],
    ),
    (
        "referral_commission_level_range",
        "referral_commission",
        ["level = -1", "level = 3"],
    ),
    (
        "referral_commission_has_source",
        "referral_commission",
        ["lead_id = NULL, order_id = NULL, share_id = NULL"],
    ),
    (
        "referral_commission_trigger_has_source",
        "referral_commission",
        [
            *("trigger = 'recruit'", "trigger = 'contract'", "trigger = 'share'"),
            *("trigger = 'payment'", "trigger = 'order_line'"),
            "trigger = 'manual', lead_id = NULL, share_id = 1",
        ],
    ),
    (
        "referral_commission_rule_or_manual",
        "referral_commission",
        ["rule_id = NULL"],
    ),
    (
        "referral_commission_instalment_range",
        "referral_commission",
        ["instalment = -1"],
    ),
    (
        "referral_commission_reversed_amount_range",
        "referral_commission",
        [
            *(f"reversed_amount = {bad}" for bad in NOT_FINITE),
            "reversed_amount = amount + 0.01, state = 'reversed'",
        ],
    ),
    (
        "referral_commission_reversed_in_whole",
        "referral_commission",
        ["state = 'reversed'", "reversed_amount = amount"],
    ),
    (
        "referral_settlement_period_order",
        "referral_settlement",
        [
            "date_from = NULL, date_to = '2026-01-31'",
            "date_from = '2026-02-01', date_to = '2026-01-31'",
        ],
    ),
    (
        "referral_plan_holding_days_range",
        "referral_plan",
        ["holding_days = -1", "holding_days = 367"],
    ),
    (
        "referral_plan_payout_minimum_range",
        "referral_plan",
        [f"payout_minimum = {bad}" for bad in NOT_FINITE],
    ),
    (
        "referral_settlement_amount_total_positive",
        "referral_settlement",
        [f"state = 'submitted', amount_total = {bad}" for bad in ("0", *NOT_FINITE)],
    ),
)
PLAN_CHECKS = (
    (
        "referral_plan_period_order",
        "referral_plan",
        ["date_from = '2026-02-02', date_to = '2026-01-01'"],
    ),
    (
        "referral_plan_rule_phases_range",
        "referral_plan_rule",
        ["phase_from = -1", "phase_to = -1", "times_per_customer = -1"],
    ),
    (
        "referral_plan_rule_amounts_range",
        "referral_plan_rule",
        [
            *(f"amount_from = {bad}" for bad in NOT_FINITE),
            *(f"amount_to = {bad}" for bad in NOT_FINITE),
            "amount_from = 10, amount_to = 10",
        ],
    ),
    (
        "referral_plan_rule_period_order",
        "referral_plan_rule",
        ["date_from = '2026-02-02', date_to = '2026-01-01'"],
    ),
    (
        "referral_plan_rule_caps_range",
        "referral_plan_rule",
        [
            f"cap_{scope} = {bad}"
            for scope in ("order", "customer", "person", "month", "year")
            for bad in NOT_FINITE
        ],
    ),
    (
        "referral_plan_rule_role_is_said",
        "referral_plan_rule",
        ["beneficiary = 'role', rate_type = 'percent', role = NULL"],
    ),
    (
        "referral_plan_rule_contact_is_said",
        "referral_plan_rule",
        ["beneficiary = 'contact', rate_type = 'percent', partner_id = NULL"],
    ),
    (
        "referral_rate_rate_range",
        "referral_rate",
        [f"rate = {bad}" for bad in ("-1", "100.1", *NOT_FINITE[:4])],
    ),
    (
        "referral_rate_level_range",
        "referral_rate",
        ["level = -1", "level = 3", "level = 1, beneficiary = 'role'"],
    ),
    ("referral_rate_period_order", "referral_rate", ["date_to = '2000-01-01'"]),
)
HOLD_CHECKS = (
    (
        "referral_hold_rule_condition_is_said",
        "referral_hold_rule",
        ["kind = 'condition', domain = NULL"],
    ),
    (
        "referral_lead_hold_decided_complete",
        "referral_lead_hold",
        [
            "state = 'released'",
            "state = 'refused', decided_at = now(), decided_by_id = create_uid",
        ],
    ),
)
BY_ONE = "requested_by_id = 1, decided_by_id = 1, decided_at = now()"
GRANT_CHECKS = (
    (
        "referral_commission_grant_amount_finite",
        "referral_commission_grant",
        ["amount = 0", *(f"amount = {bad}" for bad in NOT_FINITE)],
    ),
    (
        "referral_commission_grant_one_source",
        "referral_commission_grant",
        ["lead_id = NULL", "order_id = (SELECT max(id) FROM sale_order)"],
    ),
    (
        "referral_commission_grant_reason_given",
        "referral_commission_grant",
        ["reason = ' '"],
    ),
    (
        "referral_commission_grant_decision_complete",
        "referral_commission_grant",
        [
            "state = 'submitted'",
            "decided_by_id = create_uid",
            "state = 'refused', requested_by_id = create_uid, decided_at = now()",
            f"state = 'approved', {BY_ONE}",
        ],
    ),
    (
        "referral_commission_manual_has_grant",
        "referral_commission",
        ["trigger = 'manual', rule_id = NULL"],
    ),
    (
        "referral_simulation_period_order",
        "referral_simulation",
        ["date_to = date_from - 1"],
    ),
)
