import base64
import logging
from functools import lru_cache

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import file_open

from ..engine import poster, poster_fonts

FONT_PARAMETER = "referral_distribution.poster_font"
SAMPLE_PICTURE = "referral_distribution/static/src/img/poster/sample.jpg"
SAMPLE_URL = "https://www.example.com/s/AbCdEfGhJkMn"
NAME_MARK = "{name}"
THUMBNAIL_WIDTH, PREVIEW_WIDTH = 225, 450

_logger = logging.getLogger(__name__)


@lru_cache(maxsize=8)
def find_fonts(wanted):
    """Return the fonts of this machine, and say in the log when Chinese is missing."""
    found = poster_fonts.find(wanted)
    if wanted and not poster_fonts.is_font(wanted):
        _logger.warning("Posters: the font file %s cannot be read", wanted)
    if not found.speaks_chinese:
        _logger.warning(
            "Posters: no font with Chinese was found, so Chinese is left out of them."
            " Install one (Debian: fonts-noto-cjk), or name its file in the settings."
        )
    return found


class ReferralPosterDesign(models.Model):
    """How a poster looks: a background and what stands where on it (rule S6).

    A member's poster is drawn when somebody asks for it, see
    ``referral.poster.picture``; ``engine/poster.py`` draws.
    """

    _name = "referral.poster.design"
    _description = "Poster Design"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", index=True, help="Empty: for every company."
    )
    background = fields.Binary(
        attachment=True,
        help="PNG or JPEG of 750 x 1334 pixels; another size is fitted and cropped.",
    )
    background_color = fields.Char(
        required=True, default="#ffffff", help="As #rrggbb, where there is no picture."
    )
    member_text = fields.Char(
        string="Words about the member",
        translate=True,
        default=lambda self: self.env._("%(name)s recommends", name=NAME_MARK),
        help="{name} stands for the member's name.",
    )
    call_text = fields.Char(
        string="Call to action",
        translate=True,
        default=lambda self: self.env._("Scan the code to read on"),
    )
    box_ids = fields.One2many(
        "referral.poster.box",
        "design_id",
        string="Boxes",
        copy=True,
        default=lambda self: self._default_box_ids(),
    )
    preview = fields.Binary(compute="_compute_preview")
    thumbnail = fields.Binary(compute="_compute_thumbnail")

    _background_color_form = models.Constraint(
        "CHECK (background_color ~ '^#[0-9a-fA-F]{6}$')",
        "Write a color as # and six digits, for example #1a2b3c.",
    )

    @api.model
    def _default_box_ids(self):
        names = ("font_size", "color", "align", "bold", "radius", "follows")
        places = ("kind", "x", "y", "width", "height")
        return [
            fields.Command.create({name: getattr(box, name) for name in places + names})
            for box in poster.PLAIN.boxes
        ]

    @api.depends(lambda self: self._get_drawn_fields())
    @api.depends_context("lang", "company")
    def _compute_preview(self):
        for design in self:
            design.preview = base64.b64encode(design._draw_sample(PREVIEW_WIDTH))

    @api.depends_context("lang")
    def _compute_thumbnail(self):
        for design in self:
            design.thumbnail = base64.b64encode(design._get_thumbnail())

    @api.model
    def _get_drawn_fields(self):
        places = ("kind", "x", "y", "width", "height", "font_size", "color", "align")
        places += ("bold", "radius", "follows")
        own = ("background", "background_color", "member_text", "call_text")
        return (*own, *(f"box_ids.{name}" for name in places))

    @api.constrains("box_ids", "active")
    def _check_qr(self):
        for design in self:
            if "qr" not in design.box_ids.mapped("kind"):
                raise ValidationError(
                    self.env._("A poster needs a QR code: add its box.")
                )

    @api.constrains("member_text")
    def _check_member_text(self):
        for design in self:
            if design.member_text and NAME_MARK not in design.member_text:
                raise ValidationError(
                    self.env._(
                        "Write %(mark)s where the member's name belongs.",
                        mark=NAME_MARK,
                    )
                )

    @api.model
    def _check_background(self, value):
        """Refuse what is no picture, before Odoo stores it and would unpack it.

        :param value: as a client sends it: base64, or nothing.
        """
        if not value:
            return
        try:
            problem = poster.check_background(base64.b64decode(value))
        except ValueError:  # no base64 either
            problem = "format"
        if problem:
            raise ValidationError(self._get_background_problem(problem))

    @api.model
    def _get_background_problem(self, problem):
        return {
            "size": self.env._("The file is too large: up to 2 MB."),
            "pixels": self.env._("The picture is too large: up to 6 million pixels."),
            "format": self.env._("Take a PNG or JPEG picture."),
            "broken": self.env._(
                "The picture is damaged. Save it anew, then try again."
            ),
        }[problem]

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_background(vals.get("background"))
        created = super().create(vals_list)
        self.env.registry.clear_cache()
        return created

    def write(self, vals):
        self._check_background(vals.get("background"))
        done = super().write(vals)
        self.env.registry.clear_cache()
        return done

    def unlink(self):
        done = super().unlink()
        self.env.registry.clear_cache()
        return done

    # ----------------------------------------------------------------- drawing

    @api.model
    def _get_fonts(self):
        """Return the fonts posters are written with."""
        wanted = self.env["ir.config_parameter"].sudo().get_param(FONT_PARAMETER)
        return find_fonts(wanted or "")

    def _prepare_layout(self):
        """Return the ``engine.poster.Layout`` of one design, or of a new one."""
        self.ensure_one()
        background = self.with_context(bin_size=False).background
        data = base64.b64decode(background) if background else None
        if data and poster.check_background(data):
            data = None  # just typed in, and about to be refused
        boxes = self.box_ids.filtered("kind")
        boxes = {box.kind: box._to_engine() for box in boxes}
        color = poster.read_color(self.background_color)
        return poster.Layout(boxes.values(), data, color)

    def _draw_sample(self, width):
        """Return the poster of an example, ``width`` pixels wide."""
        self.ensure_one()
        with file_open(SAMPLE_PICTURE, "rb") as file:
            picture = file.read()
        company = (self.company_id or self.env.company).with_context(bin_size=False)
        content = poster.Content(
            url=SAMPLE_URL,
            title=self.env._("How a family business won a third more customers"),
            summary=self.env._("What they did in ten weeks, step by step"),
            member=self._prepare_member_text(self.member_text, self.env._("Alex Chen")),
            call=self.call_text or "",
            company=company.name or "",
            picture=picture,
            logo=base64.b64decode(company.logo or b""),
        )
        layout, fonts = self._prepare_layout(), self._get_fonts()
        return poster.render(layout, content, fonts, width)

    @api.model
    def _prepare_member_text(self, text, name):
        return (text or NAME_MARK).replace(NAME_MARK, name)

    # ------------------------------------------------------ what a request asks

    @api.model
    def _get_choices(self, company):
        """Return the designs of a company, the one to begin with first."""
        return self.browse(self._get_choice_ids(company.id))

    @tools.ormcache("self.id", "self.env.lang")
    def _get_thumbnail(self):
        """Return a small example of a stored design as PNG, kept in memory."""
        return self._draw_sample(THUMBNAIL_WIDTH)

    @api.model
    @tools.ormcache("company_id")
    def _get_choice_ids(self, company_id):
        shared = Domain("company_id", "in", [company_id, False])
        return tuple(self.sudo().with_context(active_test=True).search(shared)._ids)

    @api.model
    def _choose(self, company, wanted):
        """Return the design with id ``wanted``, or else the company's first one."""
        ids = self._get_choice_ids(company.id)
        return self.browse(wanted if wanted in ids else ids[:1])

    @tools.ormcache("self.id", "self.env.lang")
    def _get_style(self):
        """Return ``(layout, words about the member, call to action)`` of a design.

        Kept in memory, so that a poster that was drawn before is found without reading
        its design; any change of a design empties that memory.
        """
        if not self:
            return poster.PLAIN, NAME_MARK, ""
        return self._prepare_layout(), self.member_text or NAME_MARK, self.call_text
