from . import referral_demo
from . import referral_demo_site
