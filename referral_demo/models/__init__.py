from . import referral_demo
