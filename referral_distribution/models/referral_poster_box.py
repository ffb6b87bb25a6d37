from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import poster

TEXT_KINDS = ("title", "summary", "member", "call", "company")
MIN_SIDE = 20
MIN_QR_SIDE = 200  # smaller ones cannot be scanned from a phone's screen


class ReferralPosterBox(models.Model):
    """Where one thing stands on a poster, in pixels of its 750 x 1334 canvas."""

    _name = "referral.poster.box"
    _description = "Poster Box"
    _order = "design_id, id"
    _rec_name = "kind"

    design_id = fields.Many2one(
        "referral.poster.design", required=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [
            ("picture", "Picture"),
            ("title", "Title"),
            ("summary", "Summary"),
            ("member", "Member"),
            ("call", "Call to action"),
            ("company", "Company"),
            ("logo", "Logo"),
            ("qr", "QR code"),
        ],
        string="What",
        required=True,
    )
    x = fields.Integer(string="From the left", required=True, default=60)
    y = fields.Integer(string="From the top", required=True, default=60)
    width = fields.Integer(required=True, default=300)
    height = fields.Integer(required=True, default=200)
    font_size = fields.Integer(
        required=True,
        default=32,
        help="In pixels. A text that does not fit is made smaller, then cut.",
    )
    color = fields.Char(required=True, default="#222222", help="As #rrggbb.")
    align = fields.Selection(
        [("left", "Flush left"), ("center", "Centered"), ("right", "Flush right")],
        string="Alignment",
        required=True,
        default="left",
    )
    bold = fields.Boolean()
    radius = fields.Integer(
        string="Round corners",
        required=True,
        default=0,
        help="Of a picture: the radius of its corners in pixels.",
    )
    follows = fields.Boolean(
        string="Moves up",
        help="The text stands right below the text before it when that one is short.",
    )

    _kind_once = models.Constraint(
        "UNIQUE (design_id, kind)",
        "Each thing stands on a poster once: change the box that is there.",
    )
    _within_canvas = models.Constraint(
        "CHECK (x >= 0 AND y >= 0 AND x::bigint + width <= 750"
        " AND y::bigint + height <= 1334)",
        "A box leaves the poster, which is 750 pixels wide and 1334 high.",
    )
    _large_enough = models.Constraint(
        "CHECK (LEAST(width, height) >= 20"
        " AND (kind <> 'qr' OR LEAST(width, height) >= 200))",
        "A box is at least 20 pixels wide and high; the QR code at least 200, or"
        " phones cannot read it.",
    )
    _font_size_range = models.Constraint(
        "CHECK (font_size BETWEEN 12 AND 200)",
        "A font size is between 12 and 200 pixels.",
    )
    _radius_range = models.Constraint(
        "CHECK (radius BETWEEN 0 AND 375)",
        "Round corners have a radius between 0 and 375 pixels.",
    )
    _color_form = models.Constraint(
        "CHECK (color ~ '^#[0-9a-fA-F]{6}$')",
        "Write a color as # and six digits, for example #1a2b3c.",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_qr(self):
        """A poster nobody can scan leads nobody anywhere; with its design it may go."""
        if any(box.kind == "qr" for box in self):
            raise UserError(
                self.env._(
                    "A poster needs its QR code. Move it instead of deleting it."
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        created = super().create(vals_list)
        self.env.registry.clear_cache()
        return created

    def write(self, vals):
        """Change boxes; a QR code stays one, and on its design."""
        if {"kind", "design_id"} & vals.keys():
            self._unlink_except_qr()
        done = super().write(vals)
        self.env.registry.clear_cache()
        return done

    def unlink(self):
        done = super().unlink()
        self.env.registry.clear_cache()
        return done

    def _to_engine(self):
        """Return the box as ``engine.poster.Box``, kept within what can be drawn.

        While somebody types, a value may be anything: the preview is drawn before the
        database has refused it.
        """
        self.ensure_one()
        smallest = MIN_QR_SIDE if self.kind == "qr" else MIN_SIDE
        width = min(max(self.width, smallest), poster.WIDTH)
        height = min(max(self.height, smallest), poster.HEIGHT)
        return poster.Box(
            kind=self.kind,
            x=min(max(self.x, 0), poster.WIDTH - width),
            y=min(max(self.y, 0), poster.HEIGHT - height),
            width=width,
            height=height,
            font_size=min(max(self.font_size, 12), 200),
            color=poster.read_color(self.color),
            align=self.align or "left",
            bold=self.bold,
            radius=min(max(self.radius, 0), 375),
            follows=self.follows,
        )
