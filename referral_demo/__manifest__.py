# Part of the referral-distribution suite. LGPL-3 (https://www.gnu.org/licenses/lgpl).
{
    "name": "Referral Demo Story",
    "summary": "One coherent story to look at; never for a company's own database",
    "version": "19.0.1.3.0",
    "category": "Hidden",
    "author": "Referral Distribution Contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["referral_points", "referral_content"],
    "demo": ["demo/website_templates.xml", "demo/referral_demo.xml"],
}
