from . import ir_http
from . import referral_link
from . import website
