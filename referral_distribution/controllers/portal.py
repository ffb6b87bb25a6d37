from odoo.addons.portal.controllers.portal import CustomerPortal


class ReferralPortal(CustomerPortal):
    """The members' own pages."""
