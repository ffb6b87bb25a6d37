from odoo import models

from ..models.true_up_events import gathering


class AccountPaymentRegister(models.TransientModel):
    """Registering payments is one operation, however many they are (rule C6)."""

    _inherit = "account.payment.register"

    def _create_payments(self):
        with gathering(self.env):
            return super()._create_payments()
