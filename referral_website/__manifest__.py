# Part of the referral-distribution suite. LGPL-3 (https://www.gnu.org/licenses/lgpl).
{
    "name": "Referral Website",
    "summary": "Personal links on Odoo's website: cookie bar, forms, several domains",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "author": "Referral Distribution Contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["referral_distribution", "website"],
    "auto_install": True,
    "assets": {
        "web.assets_frontend_minimal": [
            "referral_website/static/src/js/keep_referral.js"
        ],
    },
}
