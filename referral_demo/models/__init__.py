from . import referral_demo
from . import referral_demo_channels
from . import referral_demo_clicks
from . import referral_demo_links
from . import referral_demo_pool
from . import referral_demo_privacy
from . import referral_demo_site
from . import referral_demo_trail
