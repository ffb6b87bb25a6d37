from . import (
    base_partner_merge,
    referral_compliance_report,
    referral_csv_download,
    referral_erasure,
    referral_invite_code_batch,
    referral_link_batch,
    referral_member_import,
    referral_member_import_check,
    referral_member_join,
    referral_reason,
    referral_reason_link,
    referral_signoff_reason,
)
