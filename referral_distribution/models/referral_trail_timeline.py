import re
from collections import namedtuple
from datetime import timedelta

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL, format_datetime
from odoo.tools.misc import formatLang

from ..engine.fold import runs
from ..engine.identity import masked
from .referral_trail_entry import CONTENT_MODELS, MOVED_MODELS
from .referral_trail_sentences import Facts

# icon of Font Awesome 4; tone of the dot; whether the member who brought it may see it
Style = namedtuple("Style", "icon tone for_member")
# What a reader needs of one entry, and when; ``facts`` is told text by its name.
Told = namedtuple("Told", "row facts moment who")

STYLES = {
    "shared": Style("share-alt", "plain", True),
    "clicked": Style("mouse-pointer", "plain", True),
    "created": Style("plus", "start", True),
    "reattributed": Style("exchange", "warn", False),
    "assigned": Style("user", "plain", True),
    "stage_changed": Style("arrow-right", "plain", True),
    "converted": Style("star", "plain", True),
    "held": Style("pause", "warn", True),
    "released": Style("play", "good", True),
    "withheld": Style("ban", "bad", True),
    "validated": Style("check", "good", True),
    "invalidated": Style("times", "bad", True),
    "reopened": Style("undo", "warn", True),
    "lost": Style("flag-o", "bad", True),
    "restored": Style("undo", "plain", True),
    "split": Style("code-fork", "plain", False),
    "merged": Style("compress", "plain", True),
    "deleted": Style("trash-o", "bad", False),
    "quoted": Style("file-text-o", "plain", True),
    "contracted": Style("handshake-o", "good", True),
    "rephased": Style("pencil", "warn", True),
    "invoiced": Style("file-o", "plain", True),
    "paid": Style("money", "good", True),
    "confirmed": Style("check-circle", "good", True),
    "refused": Style("times-circle", "bad", True),
    "unconfirmed": Style("undo", "warn", True),
    "rewarded": Style("gift", "good", True),
    "refunded": Style("reply", "warn", True),
    "cancelled": Style("times", "bad", True),
}
OTHER = Style("circle-o", "plain", False)  # a node of another addon
# Amounts that a member knows anyway, and reasons that are written for it.
MEMBER_AMOUNTS = {"contracted", "rewarded"}
MEMBER_REASONS = {"invalidated", "refused", "reopened"}
# What is told below the sentence, in this order.
NOTES = ("note", "rule", "team", "territory", "reason")
# Ids that only one node's facts hold; see MOVED_MODELS for the others.
NODE_MODELS = {
    ("assigned", "agent"): "res.partner",
    ("assigned", "team"): "crm.team",
    ("assigned", "territory"): "referral.territory",
    ("reattributed", "channel_from_id"): "referral.channel",
    ("reattributed", "channel_to_id"): "referral.channel",
}
# Their sentence says who did it, which is not who was logged in.
NAMES_WHO = {"shared", "clicked", "validated", "invalidated"}
MOST_EVENTS = 300  # of one lead on a screen, the newest ones; a dossier has them all
FOLD_GAP = timedelta(minutes=10)
_AMOUNT = re.compile(r"-?(\d{1,15}(?:\.\d{1,4})?) ([A-Z]{3})", re.ASCII)


class ReferralTrailTimeline(models.AbstractModel):
    """A lead's trail as people read it: who did what when, in their own language.

    An addon with nodes of its own extends ``_get_styles`` and the sentences; a node
    that none is about is told by its label. Everything here is plain text: what
    shows it escapes it (threat P5).
    """

    _name = "referral.trail.timeline"
    _inherit = "referral.trail.sentences"
    _description = "Readable Trail"

    @api.model
    def _get_events(self, leads, member=None, fold=True, limit=MOST_EVENTS):
        """Return what happened to each lead, the newest first (rules L3, X4).

        The number of queries does not depend on the number of leads, entries, people.

        :param leads: crm.lead recordset; the caller has checked that they may be read.
        :param member: res.partner who reads; other people are masked for it then, and
            what is not its business is left out. None: somebody of the company reads.
        :param bool fold: whether entries of a kind that follow each other become one.
        :param int limit: of each lead, the newest ones; None: all.
        :return: ``{lead: [event]}``; an event is a dict with ``text``, ``note``,
            ``who``, ``at`` (UTC), ``at_text`` (in the reader's zone), ``icon``,
            ``tone``, ``more`` (the events folded into it), ``node``, ``document``,
            ``sequence`` and ``hash``.
        """
        timeline = self.sudo()
        rows = timeline._query_entries(leads.ids, limit)
        styles = timeline._get_styles()
        if member is not None:
            rows = [row for row in rows if timeline._is_for_member(row, styles, member)]
        told = timeline._tell(rows, member)
        writer = timeline._get_writer(styles)
        events = {lead: [] for lead in leads}
        for group in runs(told, _is_alike) if fold else [[one] for one in told]:
            lead = leads.browse(group[0].row["lead_id"])
            events[lead].append(writer(group))
        return events

    @api.model
    def _get_styles(self):
        """Return ``{node: Style}``. A hook for addons with nodes of their own."""
        return STYLES

    @api.model
    def _is_for_member(self, row, styles, member):
        """Tell whether a member may know of an entry; of rewards, only of its own."""
        if not styles.get(row["node"], OTHER).for_member:
            return False
        return row["node"] != "rewarded" or row["content"].get("who") == member.id

    @api.model
    def _query_entries(self, lead_ids, limit):
        """Return the entries as dicts, the newest of each lead first.

        Read by SQL: a document that is gone is told as it was written.
        """
        self.env["referral.trail.entry"].flush_model()
        names = [
            "lead_id",
            "sequence",
            "node",
            "occurred_at",
            "actor_id",
            "partner_id",
            "document",
            "content",
            "hash",
        ]
        columns = SQL(", ").join(SQL.identifier("entry", name) for name in names)
        rows = self.env.execute_query(
            SQL(
                "SELECT %s FROM unnest(%s::int[]) WITH ORDINALITY asked (id, place)"
                " CROSS JOIN LATERAL (SELECT * FROM referral_trail_entry"
                " WHERE lead_id = asked.id ORDER BY sequence DESC LIMIT %s) entry"
                " ORDER BY asked.place, entry.sequence DESC",
                columns,
                lead_ids,
                limit,
            )
        )
        return [
            {**dict(zip(names, row, strict=True)), "content": row[7] or {}}
            for row in rows
        ]

    @api.model
    def _tell(self, rows, member):
        """Return the rows as ``Told``: every id in them by its name."""
        names = self._read_names(rows, member)
        actors = self._read_actors(rows, member)
        told = []
        for row in rows:
            facts = self._tell_content(row, names)
            who = facts["by"] = actors.get((row["actor_id"], row["partner_id"]), "")
            facts["mine"] = (
                member is not None and row["content"].get("who") == member.id
            )
            if member is not None:
                self._mask_facts(row["node"], facts)
            who = "" if row["node"] in NAMES_WHO else who
            told.append(Told(row, facts, row["occurred_at"], who))
        return told

    @api.model
    def _mask_facts(self, node, facts):
        """Leave out what is not a member's business: staff, amounts, inner reasons."""
        if node not in MEMBER_AMOUNTS:
            facts.pop("amount", None)
        if node not in MEMBER_REASONS:
            facts.pop("reason", None)
        if node == "assigned":
            staff = self.env.company.name
            facts.update({"from": "", "to": facts.get("to") and staff})
        for key in ("rule", "team", "territory"):
            facts.pop(key, None)

    @api.model
    def _tell_content(self, row, names):
        """Return what an entry says, as text by its name."""
        facts = {}
        for key, value in row["content"].items():
            model = _get_model(row["node"], key)
            if model:
                facts[key.removesuffix("_id")] = names.get((model, value)) or ""
            elif not key.endswith("_id"):
                facts[key] = names.get((key, str(value))) or _to_text(value)
        document = ("document", row["document"])
        facts["page"] = names.get(document) or facts.get("page")
        taken = str(row["content"].get("amount")).startswith("-")
        return {**facts, "taken": taken}

    @api.model
    def _read_names(self, rows, member):
        """Return ``{(model or fact, value): text}`` of what needs a look-up."""
        ids = {}
        for row in rows:
            for key, value in row["content"].items():
                model = _get_model(row["node"], key)
                if model and isinstance(value, int):
                    ids.setdefault(model, set()).add(value)
        names = {}
        for model, found in ids.items():
            for record in self.env[model].browse(found).exists():
                names[model, record.id] = self._get_name(record, member)
        amounts = {row["content"].get("amount") for row in rows}
        names.update(self._tell_amounts(filter(None, amounts)))
        names.update(self._read_pages({row["document"] for row in rows}))
        channels = {row["content"].get("channel") for row in rows}
        names.update(self._query_called("referral.channel", channels, "channel"))
        moves = [row["content"] for row in rows if row["node"] == "stage_changed"]
        stages = {move.get(key) for move in moves for key in ("from", "to")}
        names.update(self._query_called("crm.stage", stages, "from", "to"))
        return names

    @api.model
    def _get_name(self, record, member):
        if record._name == "res.users":
            record = record.partner_id
        if member is None:
            return record.display_name
        if record == member:
            return self.env._("You")
        if record._name == "crm.lead":
            return record._get_masked_name()
        return masked(record.display_name)

    @api.model
    def _tell_amounts(self, amounts):
        """Return ``{("amount", "80000.00 CNY"): "¥ 80,000"}`` in the reader's way."""
        found = {
            text: match.groups()
            for text in map(str, amounts)
            if (match := _AMOUNT.fullmatch(text))
        }
        codes = {code for _number, code in found.values()}
        currencies = self.env["res.currency"].with_context(active_test=False)
        by_code = currencies.search([("name", "in", list(codes))]).grouped("name")
        return {
            ("amount", text): self._tell_amount(float(number), by_code[code])
            for text, (number, code) in found.items()
            if code in by_code
        }

    @api.model
    def _tell_amount(self, number, currency):
        """Return an amount of money, without decimals that are zero. A hook."""
        digits = 0 if number == int(number) else currency.decimal_places
        parts = [currency.symbol, formatLang(self.env, number, digits=digits)]
        return "\N{NO-BREAK SPACE}".join(
            parts if currency.position == "before" else reversed(parts)
        )

    @api.model
    def _read_pages(self, documents):
        """Return ``{("document", "referral.link,7"): title of its page}``."""
        ids = [
            int(document.partition(",")[2])
            for document in documents
            if document and document.startswith("referral.link,")
        ]
        links = self.env["referral.link"].browse(ids).exists()
        titles = links._get_target_titles(set(links.mapped("target_url")))
        return {
            ("document", f"referral.link,{link.id}"): titles[link.target_url]
            for link in links
        }

    @api.model
    def _query_called(self, model, texts, *keys):
        """Return ``{(key, text): what the reader calls the record of that name}``.

        A trail keeps the name in the language of who wrote the entry.

        :param str model: one whose names are translated.
        :param texts: names, in any language.
        :param keys: under which the facts have them.
        """
        texts = [text for text in texts if text and isinstance(text, str)]
        if not texts:
            return {}
        self.env[model].flush_model(["name"])
        rows = self.env.execute_query(
            SQL(
                "SELECT said.value, COALESCE(name ->> %s, name ->> 'en_US')"
                " FROM %s, jsonb_each_text(name) said"
                " WHERE said.value = ANY(%s) ORDER BY id DESC",
                self.env.lang or "en_US",
                SQL.identifier(self.env[model]._table),
                texts,
            )
        )
        return {(key, text): name for text, name in rows for key in keys}

    @api.model
    def _read_actors(self, rows, member):
        """Return ``{(user id, contact id or None): who that is}``.

        Who acted in the portal is the contact; "" where nobody in particular acted.
        """
        keys = {(row["actor_id"], row["partner_id"]) for row in rows}
        users = self.env["res.users"].browse({user for user, _contact in keys}).exists()
        contacts = self.env["res.partner"].browse(
            filter(None, {key[1] for key in keys})
        )
        contacts = {contact.id: contact for contact in contacts.exists()}
        visitors = self.env.ref("base.group_public").with_context(active_test=False)
        visitors = set(visitors.user_ids.ids)
        names = {}
        for user in users:
            names[user.id] = self._get_actor_name(user, visitors, member)
        return {
            (user_id, contact_id): (
                self._get_name(contacts[contact_id], member)
                if contact_id in contacts
                else names.get(user_id, "")
            )
            for user_id, contact_id in keys
        }

    @api.model
    def _get_actor_name(self, user, visitors, member):
        if user.id in visitors:
            return self.env._("A visitor")
        if user.id == SUPERUSER_ID:
            return "" if member is not None else self.env._("Automatic")
        if member is None or user.share:
            return self._get_name(user.partner_id, member)
        return self.env.company.name

    @api.model
    def _get_writer(self, styles):
        """Return a function that makes one event of some ``Told``, the newest first."""
        sentences = self._get_sentences()
        labels = self.env["referral.trail.entry"]._fields["node"]
        labels = dict(labels._description_selection(self.env))
        tz = self.env.context.get("tz") or self.env.company._referral_tz()

        def write_one(told, facts=None):
            row, facts = told.row, facts or told.facts
            text, note = self._write(row["node"], facts, sentences, labels)
            node = "refunded" if facts.get("taken") else row["node"]
            style = styles.get(node, OTHER)
            return {
                "text": text,
                "note": note,
                "who": told.who,
                "at": told.moment,
                "at_text": format_datetime(self.env, told.moment, tz=tz),
                "icon": style.icon,
                "tone": style.tone,
                "more": [],
                **{key: row[key] for key in ("node", "document", "sequence", "hash")},
            }

        def write(group):
            event = write_one(group[0], _join_facts(group))
            if len(group) > 1:
                event["more"] = [write_one(told) for told in group]
                event["note"] = self.env._("%(count)s times in a row", count=len(group))
            return event

        return write

    @api.model
    def _write(self, node, facts, sentences, labels):
        """Return what happened and what else is to say of it."""
        told = {key: value for key, value in facts.items() if value}
        if node in sentences:
            text = sentences[node](Facts(told))
            notes = [told.get(key) for key in NOTES]
        else:
            text = labels.get(node) or node.replace("_", " ").capitalize()
            rest = ("by", "mine", "taken", "page", "amount")
            notes = [value for key, value in told.items() if key not in rest]
        if "amount" in told and node != "rewarded":
            text = self.env._("%(step)s: %(amount)s", step=text, amount=told["amount"])
        return text, " · ".join(dict.fromkeys(filter(None, notes)))


def _get_model(node, key):
    """Return what a fact is the id of, None if it is no id we know.

    >>> _get_model("assigned", "to_id"), _get_model("rewarded", "who")
    ('res.users', 'res.partner')
    >>> _get_model("reattributed", "channel_to_id"), _get_model("lost", "reason_id")
    ('referral.channel', None)
    """
    if key in ("from_id", "to_id"):
        return MOVED_MODELS.get(node)
    return NODE_MODELS.get((node, key)) or CONTENT_MODELS.get(key)


def _to_text(value):
    """Return a fact's value as text; of a record told as a dict, its name.

    >>> _to_text({"id": 3, "name": "New"}), _to_text([3, "New"]), _to_text(None)
    ('New', 'New', '')
    """
    if isinstance(value, dict):
        value = value.get("name") or value.get("text") or ""
    if isinstance(value, list):
        value = next((text for text in value if isinstance(text, str)), "")
    return "" if value in (None, False) else str(value)


def _is_alike(one, other):
    """Tell whether two neighbours, the newer first, read as one."""
    return (
        one.row["lead_id"] == other.row["lead_id"]
        and one.row["node"] == other.row["node"]
        and one.row["document"] == other.row["document"]
        and one.who == other.who
        and one.moment - other.moment <= FOLD_GAP
    )


def _join_facts(group):
    """Return the facts of the newest, from where the oldest started."""
    facts = group[0].facts
    return {**facts, "from": group[-1].facts["from"]} if "from" in facts else facts
