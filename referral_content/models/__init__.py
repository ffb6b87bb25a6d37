from . import blog_post
from . import blog_post_conversion
from . import blog_post_review
from . import crm_lead
from . import referral_content_slot
from . import referral_link
from . import referral_publication
from . import res_partner
