from . import account_move
from . import ir_http  # first: crm_lead reads its cookie
from . import referral_territory_owner  # first: leads and orders inherit it
from . import referral_territory_resolver  # first: territories inherit it
from . import crm_lead
from . import product_template
from . import referral_api
from . import referral_api_request
from . import referral_channel
from . import referral_click
from . import referral_commission
from . import referral_compliance_signoff
from . import referral_external_ref
from . import referral_invite_code
from . import referral_invite_node
from . import referral_inviter_change
from . import referral_link
from . import referral_plan
from . import referral_plan_bracket
from . import referral_plan_rule
from . import referral_settlement
from . import referral_share
from . import referral_team
from . import referral_territory
from . import referral_tier_rule  # first: the log reads its thresholds
from . import referral_tier_change
from . import referral_trail_entry
from . import referral_trail_head
from . import referral_tree_figure
from . import res_company
from . import res_config_settings
from . import res_partner
from . import res_partner_grade
from . import res_partner_import
from . import res_partner_membership
from . import res_partner_tier
from . import res_users
from . import res_users_signup
from . import sale_order
from . import sale_order_tier
