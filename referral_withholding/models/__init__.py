from . import referral_settlement
