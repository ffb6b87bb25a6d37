"""The company of the story, and what its website says of it."""

COMPANY = {
    "name": "北辰数科 Northstar Digital",
    "email": "hello@northstar.example",
    "phone": "+86 571 8765 4321",
    "website": "https://northstar.example",
    # stricter than the usual 30: the monitor then has a tree to warn of
    "referral_people_line": 15,
}

# Asked for by the manager; another manager has yet to sign it.
SIGNOFF = (
    "明理律师事务所意见：奖励只来自有效合同，入会不收费，三级不构成以人数计酬。"
    " Opinion of Mingli Law Firm: rewards come from contracts only, joining is free, a"
    " third level pays nobody for head count."
)

SITE_VIEWS = (
    "website.footer_custom",
    "website.header_text_element",
    "website.contactus",
    "website.contactus_thanks",
    "website.footer_copyright_company_name",
)

# sample text of Odoo's website, what stands there instead, in Chinese
SITE_TEXTS = (
    ("+1 555-555-5556", COMPANY["phone"], None),
    ("tel:+1 (650) 555-0111", "tel:+8657187654321", None),
    ("info@yourcompany.example.com", COMPANY["email"], None),
    ("Company name", COMPANY["name"], None),
    (
        (
            "We are a team of passionate people whose goal is to improve everyone's life"
            " through disruptive products. We build great products to solve your business"
            " problems."
        ),
        (
            "We build ERP, mini programs and data platforms for manufacturers and trading"
            " companies, and we publish what we learn."
        ),
        "我们为制造和贸易企业建设 ERP、小程序和数据平台，并把经验公开分享。",
    ),
    (
        (
            "Our products are designed for small to medium size companies willing to"
            " optimize their performance."
        ),
        "",
        None,
    ),
)
