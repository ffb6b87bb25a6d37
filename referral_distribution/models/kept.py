"""References that outlive what they point to."""

from odoo import fields


class KeptMany2one(fields.Many2one):
    """A Many2one without foreign key: deleting the target neither stops at it nor
    changes it, and a merge of contacts does not move it.

    For rows that are kept for good, such as a lead's trail. A reader has to reckon
    with a target that is gone.
    """

    def update_db_foreign_key(self, model, column):
        """Make none."""
