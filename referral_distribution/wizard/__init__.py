from . import (
    base_partner_merge,
    referral_compliance_report,
    referral_reason,
    referral_signoff_reason,
)
