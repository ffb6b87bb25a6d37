import base64

from odoo import api, fields, models

from ..engine import csv_file


class ReferralCsvDownload(models.TransientModel):
    """A table on its way to the browser; only who made it may fetch it.

    Odoo's own export writes what a member typed as it is. Here no cell is a formula
    (threat L3).
    """

    _name = "referral.csv.download"
    _description = "Table to Download"

    name = fields.Char(required=True)
    content = fields.Binary(required=True, attachment=False)

    @api.model
    def _offer(self, name, header, rows):
        """Return the action that downloads a table.

        :param str name: of the file, without ending.
        """
        content = base64.b64encode(csv_file.write(header, rows))
        table = self.create({"name": f"{name}.csv", "content": content})
        return {
            "type": "ir.actions.act_url",
            "target": "download",
            "url": f"/web/content/{self._name}/{table.id}/content/{table.name}"
            "?download=true",
        }
