from . import referral_redemption_refuse
