import base64

from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine import csv_file, member_file

MAX_BYTES = 50 * 1024 * 1024
MAX_LINES = 200_000
SHOWN = 50


class ReferralMemberImport(models.TransientModel):
    """Many members from a table, all of them or none (rules M1-M3).

    Everything is checked before anything is written. An inviter is named by code or by
    e-mail, and may stand on a later line of the same file. Members are made without
    mails; see ``models/res_partner_import.py`` for what else is left out.
    """

    _name = "referral.member.import"
    _description = "Import of Members"

    file = fields.Binary(attachment=False)
    filename = fields.Char()
    encoding = fields.Selection(
        [("utf-8", "UTF-8"), ("gb18030", "GB18030 (Chinese Excel)")],
        required=True,
        default="utf-8",
    )
    delimiter = fields.Selection(
        [
            ("auto", "Found by itself"),
            (",", "Comma"),
            (";", "Semicolon"),
            ("tab", "Tab"),
        ],
        string="Columns are divided by",
        required=True,
        default="auto",
    )
    member_state = fields.Selection(
        [("active", "Active members"), ("candidate", "Candidates to approve")],
        string="Start as",
        required=True,
        default="active",
    )
    checked = fields.Boolean(readonly=True)
    line_count = fields.Integer(string="Lines", readonly=True)
    problem_count = fields.Integer(string="Problems", readonly=True)
    problem_table = fields.Html(readonly=True, sanitize=False)

    # ---------------------------------------------------------------- buttons

    def action_check(self):
        """Read the file and show its problems; nothing is written.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on a file that cannot be read at all.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        lines, problems = self._check_file()
        self.write(
            {
                "checked": True,
                "line_count": len(lines),
                "problem_count": len(problems),
                "problem_table": self._render_problems(problems),
            }
        )
        return self._reopen()

    def action_import(self):
        """Make all lines members, in one transaction; with any problem, none.

        :return: action that opens the new members, or this window with the problems.
        :raises AccessError: unless the user is a manager.
        :raises UserError: on a file that cannot be read at all.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        lines, problems = self._check_file()
        if problems:
            return self.action_check()
        ids = self.env["res.partner"]._import_members(
            lines, self.env.company, self.member_state
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_distribution.res_partner_action_member"
        )
        new = [("id", ">=", min(ids)), ("id", "<=", max(ids))]
        action.update(domain=[("member_state", "!=", False), *new], target="main")
        return action

    def action_download_problems(self):
        """Download all problems as a table.

        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        _lines, problems = self._check_file()
        return self.env["referral.csv.download"]._offer(
            self.env._("problems"), self._get_problem_header(), problems
        )

    def action_download_template(self):
        """Download an empty table with two lines to replace.

        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        chinese = (self.env.lang or "").startswith("zh")
        header = [texts[chinese] for texts in member_file.HEADERS.values()]
        tier = self.env.ref("referral_distribution.res_partner_grade_member", False)
        tier = tier.name if tier else ""
        name = "王伟" if chinese else "Wang Wei"
        friend = "李娜" if chinese else "Li Na"
        rows = [
            (name, "wang@example.com", "13800138000", tier, "", "", "A-1"),
            (friend, "li@example.com", "13900139000", tier, "", "wang@example.com", ""),
        ]
        return self.env["referral.csv.download"]._offer(
            self.env._("members"), header, rows
        )

    # ---------------------------------------------------------------- reading

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import Members"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _get_problem_header(self):
        return [
            self.env._("Line"),
            self.env._("Column"),
            self.env._("Content"),
            self.env._("Problem"),
        ]

    def _render_problems(self, problems):
        """Return the first problems as a table; what a file holds is text in it."""
        if not problems:
            return False
        cells = Markup("").join(
            Markup("<th>%s</th>") % t for t in self._get_problem_header()
        )
        rows = Markup("").join(
            Markup("<tr>%s</tr>")
            % Markup("").join(Markup("<td>%s</td>") % cell for cell in problem)
            for problem in problems[:SHOWN]
        )
        return Markup(
            '<table class="table table-sm"><thead><tr>%s</tr></thead>'
            "<tbody>%s</tbody></table>"
        ) % (cells, rows)

    def _read_file(self):
        """Return the file as lines, and the problems of its form.

        :raises UserError: if it cannot be read at all; the message says what to do.
        """
        content = base64.b64decode(self.file or b"")
        if len(content) > MAX_BYTES:
            raise UserError(
                self.env._(
                    "The file has more than %(limit)s MB. Split it.",
                    limit=MAX_BYTES // 1024 // 1024,
                )
            )
        delimiter = {"auto": None, "tab": "\t"}.get(self.delimiter, self.delimiter)
        try:
            text = csv_file.decode(content, self.encoding)
            rows = list(csv_file.read(text, delimiter))
        except csv_file.FileFault as error:
            raise UserError(self._describe_fault(error)) from error
        if len(rows) < 2:
            raise UserError(
                self.env._(
                    "The file has no members: the first line names the columns, each"
                    " further line is a member. Start from the template."
                )
            )
        if len(rows) - 1 > MAX_LINES:
            raise UserError(
                self.env._(
                    "The file has more than %(limit)s members. Split it.",
                    limit=MAX_LINES,
                )
            )
        return self._read_rows(rows)

    def _describe_fault(self, error):
        """Return in words why a file cannot be read, and what to do."""
        if error.kind == "encoding":
            return self.env._(
                "Line %(line)s is not %(encoding)s text. Choose the other encoding, or"
                " save the file as “CSV UTF-8”.",
                line=error.line,
                encoding=self.encoding.upper(),
            )
        if error.kind == "nul":
            return self.env._(
                "Line %(line)s has a NUL character: this is no text file. Save it as"
                " “CSV UTF-8”.",
                line=error.line,
            )
        return self.env._(
            "Line %(line)s cannot be read: a quotation mark is not closed, or a cell is"
            " far too long.",
            line=error.line,
        )

    def _read_rows(self, rows):
        (_number, header), *rows = rows
        places, strange = member_file.columns(header)
        if strange or "name" not in places:
            known = ", ".join(texts[0] for texts in member_file.HEADERS.values())
            raise UserError(
                self.env._(
                    "Column “%(column)s” is not known, twice there, or the name is"
                    " missing. Columns are: %(known)s. Start from the template.",
                    column=(strange or [member_file.HEADERS["name"][0]])[0],
                    known=known,
                )
            )
        lines, problems, width = [], [], len(header)
        for number, cells in rows:
            if any(cells[width:]):
                problems.append(
                    (number, "", cells[width], self.env._("More cells than columns."))
                )
            cells += [""] * (width - len(cells))
            named = {name: cells[place] for name, place in places.items()}
            lines.append(member_file.Line(number, **named))
        return lines, problems
