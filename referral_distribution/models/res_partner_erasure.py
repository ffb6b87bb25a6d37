from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_amount

from . import gate
from .references import find_keepers

# What tells a person apart, whatever addon added the field.
PERSONAL_TYPES = ("char", "text", "html", "json", "properties", "date")
PERSONAL_FIELDS = (
    "state_id",
    "country_id",
    "industry_id",
    "parent_id",
    "partner_latitude",
    "partner_longitude",
    "signup_type",
)
KEPT_FIELDS = ("name", "lang", "tz")


class ResPartner(models.Model):
    """Erasing somebody's personal data while ledger and trail stay (threat M3).

    The law lets a person ask for it (PIPL Art. 47, GDPR Art. 17), and asks the company
    to keep what accounting and open claims need (Art. 17(3)). So the contact stays, as
    nobody's: commissions, wallet, links, leads and the trail keep pointing to it, and
    still add up. Invoices, payments and bank statements are left as they were booked.
    """

    _inherit = "res.partner"

    referral_erasure_ids = fields.One2many(
        "referral.erasure.request",
        "partner_id",
        string="Erasure requests",
        groups="referral_distribution.group_manager",
    )

    # ---------------------------------------------------------------- buttons

    def action_referral_erase(self):
        """Open the question before the erasure of one contact.

        :raises AccessError: unless the user is a manager.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Erase Personal Data"),
            "res_model": "referral.erasure",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": self.id},
        }

    # ------------------------------------------------------------- before it

    def _get_erasure_obstacles(self):
        """Return in sentences why this person cannot be erased yet. A hook.

        Money still owed either way needs a name and an account. Add to what
        ``super()`` returns; an empty list lets the erasure go on.

        :return: list of text, in the language of the context.
        """
        self.ensure_one()
        return [*self._get_role_obstacles(), *self._get_money_obstacles()]

    def _get_role_obstacles(self):
        users = self.with_context(active_test=False).user_ids
        if any(user._is_internal() for user in users.filtered("active")):
            return [self.env._("This is a colleague who works here: archive the user.")]
        companies = self.env["res.company"].with_context(active_test=False)
        if self.is_public or companies.search_count([("partner_id", "=", self.id)]):
            return [self.env._("This is the contact of a company or of the website.")]
        return []

    def _get_money_obstacles(self):
        """Return what is owed, in sentences. A hook."""
        obstacles = []
        unpaid = self.env["referral.commission"]._read_group(
            Domain("partner_id", "=", self.id)
            & (
                Domain("state", "in", ("pending", "approved"))
                | Domain("settlement_id.state", "in", ("submitted", "approved"))
            ),
            ["currency_id"],
            ["amount:sum"],
        )
        if unpaid:
            sums = [format_amount(self.env, total, money) for money, total in unpaid]
            obstacles.append(
                self.env._("Unpaid commissions: %(sums)s.", sums=", ".join(sums))
            )
        invoices = self.env["account.move"].search_count(
            self._get_own_document_domain()
            & Domain("state", "=", "posted")
            & Domain("amount_residual", "!=", 0)
        )
        if invoices:
            obstacles.append(
                self.env._("Invoices that are not paid: %(count)s.", count=invoices)
            )
        orders = self.env["sale.order"].search_count(self._get_unbilled_order_domain())
        if orders:
            obstacles.append(
                self.env._("Own orders still to be invoiced: %(count)s.", count=orders)
            )
        return obstacles

    def _get_own_document_domain(self):
        """Return the orders and invoices made out to this person."""
        people = self | self._get_own_addresses()
        return Domain("partner_id", "in", people.ids)

    def _get_unbilled_order_domain(self):
        """Return this person's own orders that an invoice is to follow. A hook."""
        return (
            self._get_own_document_domain()
            & Domain("state", "=", "sale")
            & Domain("invoice_status", "=", "to invoice")
        )

    def _get_erasure_notices(self):
        """Return in sentences what this person gives up with its data. A hook."""
        self.ensure_one()
        notices = []
        under_way = self.env["sale.order"].search_count(
            [
                ("referrer_id", "=", self.id),
                ("project_phase", ">", 0),
                ("referral_state", "not in", ("none", "confirmed", "refused")),
            ]
        )
        if under_way:
            notices.append(
                self.env._(
                    "Contracts under way that will earn nothing any more: %(count)s.",
                    count=under_way,
                )
            )
        unprinted = self._count_unprinted_invoices()
        if unprinted and self.env.user._is_internal():
            notices.append(
                self.env._(
                    "Invoices never printed: %(count)s. Print them before: afterwards"
                    " they have no address.",
                    count=unprinted,
                )
            )
        return notices

    def _count_unprinted_invoices(self):
        """Return how many invoices to this person exist as no document yet."""
        return self.env["account.move"].search_count(
            self._get_own_document_domain()
            & Domain("state", "=", "posted")
            & Domain("move_type", "in", ("out_invoice", "out_refund"))
            & Domain("message_main_attachment_id", "=", False)
        )

    def _get_own_addresses(self):
        """Return the contacts below this person that are only its addresses."""
        if self.is_company:
            return self.browse()
        below = self.with_context(active_test=False).child_ids
        return below.filtered(lambda c: not (c.user_ids or c.member_state))

    # ------------------------------------------------------------------ doing

    def _referral_erase(self, reason, origin="back_office"):
        """Erase this person's data for good; leave ledger, trail and bookings whole.

        Doing it again erases what was filled in since, or changes nothing.

        :param str reason: stays on record.
        :param str origin: of the request, if there is none yet.
        :return: the referral.erasure.request that records it.
        :raises UserError: if money is still owed, or the contact is no such person.
        """
        self.ensure_one()
        partner = gate.opened(self.sudo()).with_context(
            active_test=False, tracking_disable=True, mail_create_nolog=True
        )
        self.env.cr.execute(
            SQL("SELECT 1 FROM res_partner WHERE id = %s FOR UPDATE", partner.id)
        )
        obstacles = partner._get_erasure_obstacles()
        if obstacles:
            raise UserError("\n".join([self.env._("Settle first:"), *obstacles]))
        request = partner._get_erasure_record(origin)
        farewell = partner._prepare_erasure_mail()
        traces = partner._get_traces()
        partner._end_membership()
        erased = partner._erase_account()
        people = partner | partner._get_own_addresses()
        booked = people._query_booked_names()
        for person in people:
            erased |= person._erase_fields()
        people._query_restore_booked_names(booked)
        people.bank_ids._erase_numbers()
        partner._erase_traces(traces)
        if request.state == "requested":
            request.with_user(self.env.user)._decide("done", reason, sorted(erased))
        if farewell and erased:
            self.env["mail.mail"].sudo().create(farewell)
        return request.with_env(self.env)

    def _get_erasure_record(self, origin):
        """Return the open request or, of somebody erased already, the last one."""
        requests = self.env["referral.erasure.request"]
        last = requests.search([("partner_id", "=", self.id)], limit=1)
        if last.state == "done" and self.name == self._get_masked_name():
            return last
        return requests._request(self, origin)

    def _get_masked_name(self):
        """Return what an erased person is called: no name, but still one of a kind."""
        company = self.company_id or self.env.company
        contacts = self.with_context(lang=company.partner_id.lang)
        return contacts.env._("Erased person %(number)s", number=self.id)

    def _prepare_erasure_mail(self):
        """Return the mail that tells the person it was done, or None (GDPR Art. 12).

        It belongs to no record and goes once it is sent.
        """
        if not self.email:
            return None
        person = self.with_context(lang=self.lang)
        company = self.company_id or self.env.company
        return {
            "subject": person.env._("Your personal data was erased"),
            "body_html": person.env._(
                "Your personal data at %(company)s was erased, as you asked. Invoices"
                " and payments are kept as long as the law asks for. Nothing more will"
                " be sent to this address.",
                company=company.name,
            ),
            "email_from": company.email_formatted,
            "email_to": self.email,
            "auto_delete": True,
        }

    def _end_membership(self):
        """Withdraw what could still be used: codes, links, membership."""
        self.invite_code_ids.filtered(lambda c: c.active and not c.used_by_id).write(
            {"active": False}
        )
        self.env["referral.link"]._forget_aliases(self)
        if self.member_state:
            self.write({"member_state": "left"})

    def _erase_account(self):
        """Close the logins: no password, no key, no device, no session is left."""
        users = self.user_ids.filtered(lambda user: not user._is_superuser())
        if not users:
            return set()
        for user in users.filtered("active"):
            user.with_user(self.env.ref("base.user_root")).action_archive()
        erased = users._query_erase_logins()
        users._query_erase_belongings()
        return erased

    def _erase_fields(self):
        """Empty every field that says something about the person.

        Written in SQL: Odoo would copy an address to the company the person works for,
        track the old values, and ask other addons for their opinion.

        :return: set of "model:field" that held something.
        """
        self.ensure_one()
        fnames = self._get_personal_fields()
        held = {name for name in fnames if self[name]}
        masked = self._get_masked_name()
        if self.name != masked:
            held.add("name")
        pictures = self._get_picture_fields()
        held |= {name for name in pictures if self[name]}
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET name = %s, active = false, %s WHERE id = %s",
                masked,
                SQL(", ").join(
                    SQL("%s = NULL", SQL.identifier(name)) for name in fnames
                ),
                self.id,
            )
        )
        self.invalidate_recordset()
        self.modified(["name", "active", *fnames])
        self.write({"category_id": False, **dict.fromkeys(pictures, False)})
        self.flush_recordset()
        return {f"res.partner:{name}" for name in held}

    def _query_booked_names(self):
        """Return ``[(id, name)]`` of posted documents: the books need the name."""
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                "SELECT id, invoice_partner_display_name FROM account_move"
                " WHERE partner_id = ANY(%s) AND state = 'posted'",
                self.ids,
            )
        )

    def _query_restore_booked_names(self, booked):
        """Undo that Odoo renames what was booked, when its contact is renamed."""
        self.env.flush_all()
        for move_id, name in booked:
            self.env.cr.execute(
                SQL(
                    "UPDATE account_move SET invoice_partner_display_name = %s"
                    " WHERE id = %s",
                    name,
                    move_id,
                )
            )
        self.env["account.move"].invalidate_model(["invoice_partner_display_name"])

    @api.model
    def _get_personal_fields(self):
        """Return the columns to empty: whatever text and dates there are. A hook."""
        return [
            name
            for name, field in self._fields.items()
            if field.store
            and field.column_type
            and name not in KEPT_FIELDS
            and not field.required
            and (field.type in PERSONAL_TYPES or name in PERSONAL_FIELDS)
        ]

    @api.model
    def _get_picture_fields(self):
        """Return the fields whose pictures and files are attachments."""
        return [
            name
            for name, field in self._fields.items()
            if field.type in ("binary", "image") and field.store and not field.related
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_ledger(self):
        for partner in self:
            keepers = find_keepers(partner)
            if keepers:
                raise UserError(
                    self.env._(
                        "“%(name)s” cannot be deleted: %(records)s are kept for good."
                        " Archive the contact, or erase its personal data.",
                        name=partner.display_name,
                        records=", ".join(keepers),
                    )
                )
