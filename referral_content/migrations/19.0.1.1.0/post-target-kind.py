from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Links got their kind of page while nobody knew what an article is."""
    api.Environment(cr, SUPERUSER_ID, {})["referral.link"]._find_kinds_anew()
