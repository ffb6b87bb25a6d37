# Part of the referral-distribution suite. LGPL-3 (https://www.gnu.org/licenses/lgpl).
{
    "name": "Referral Withholding Tax",
    "summary": "Payouts of commissions withhold tax where the bill says so",
    "version": "19.0.1.0.0",
    "category": "Accounting/Localizations",
    "author": "Referral Distribution Contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["referral_distribution", "l10n_account_withholding_tax"],
    "auto_install": True,
}
