from . import referral_content_rejection
