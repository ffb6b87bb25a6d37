from . import base_partner_merge, referral_redemption_refuse
