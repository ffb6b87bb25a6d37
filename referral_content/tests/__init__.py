from . import test_access
from . import test_article_page
from . import test_blog_post_conversion
from . import test_blog_post_review
from . import test_pure
from . import test_referral_content_slot
from . import test_referral_link
from . import test_referral_publication
