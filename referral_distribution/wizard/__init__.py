from . import referral_reason
