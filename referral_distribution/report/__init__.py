from . import referral_territory_gap
