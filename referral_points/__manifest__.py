# Part of the referral-distribution suite. LGPL-3 (https://www.gnu.org/licenses/lgpl).
{
    "name": "Referral Points",
    "summary": "Members earn points into a wallet and redeem them for rewards",
    "version": "19.0.1.3.0",
    "category": "Sales/CRM",
    "author": "Referral Distribution Contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["referral_distribution"],
    "data": [
        "security/ir.model.access.csv",
        "security/referral_points_rules.xml",
        "data/res_currency_data.xml",
        "data/product_pricelist_data.xml",
        "data/ir_sequence_data.xml",
        "data/referral_plan_data.xml",
        "wizard/referral_redemption_refuse_views.xml",
        "views/referral_plan_views.xml",
        "views/referral_wallet_views.xml",
        "views/referral_wallet_entry_views.xml",
        "views/referral_reward_views.xml",
        "views/referral_redemption_views.xml",
        "views/referral_privilege_views.xml",
        "views/referral_points_menus.xml",
        "views/res_config_settings_views.xml",
        "views/portal_templates.xml",
    ],
    "assets": {
        "web.assets_frontend": [
            "referral_points/static/src/scss/portal_wallet.scss",
        ],
    },
}
