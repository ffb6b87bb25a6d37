# Part of the referral-distribution suite. LGPL-3 (https://www.gnu.org/licenses/lgpl).
{
    "name": "Referral Live Chat",
    "summary": "Leads from a live chat go to the member whose link brought the visitor",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "author": "Referral Distribution Contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["referral_distribution", "crm_livechat"],
    "auto_install": True,
    "assets": {
        "im_livechat.assets_embed_core": [
            "referral_livechat/static/src/js/forget_code.js",
        ],
    },
}
