from odoo import models

SEALED = (90, 60, 30, 14, 7, 3, 1)  # days ago


class ReferralDemo(models.AbstractModel):
    """Trails are sealed now and then, and a manager has verified them."""

    _inherit = "referral.demo"

    def _list_steps(self, scene):
        yield from super()._list_steps(scene)
        for days in SEALED:
            yield days, self._seal_trails
        yield 0, self._verify_trails, scene["staff"]

    def _seal_trails(self):
        self.env["referral.trail.seal"]._seal(self.env.company)

    def _verify_trails(self, staff):
        self.env["referral.trail.check"].with_user(staff["manager"])._start(
            self.env.company
        )
