from odoo import api, models


class Facts(dict):
    """Facts as text; one that is not there is an empty text."""

    def __missing__(self, key):
        return ""

    @property
    def ends(self):
        return {"from": self["from"], "to": self["to"]}


def _move(told, gone, fresh, moved):
    """Return which of three sentences fits where something came from and went to."""
    if not told["to"]:
        return gone
    return moved if told["from"] else fresh


class ReferralTrailSentences(models.AbstractModel):
    """What each node of a trail is called in a sentence, in the reader's language."""

    _name = "referral.trail.sentences"
    _description = "Sentences of the Trail"

    @api.model
    def _get_sentences(self):
        """Return ``{node: function}``, each from facts to a sentence. A hook.

        A fact that an entry does not have reads as an empty text.
        """
        return {
            **self._get_sentences_of_birth(),
            **self._get_sentences_of_sales(),
            **self._get_sentences_of_review(),
            **self._get_sentences_of_contract(),
        }

    @api.model
    def _get_sentences_of_birth(self):
        evidence = dict(
            self.env["crm.lead"]
            ._fields["referral_evidence"]
            ._description_selection(self.env)
        )

        def shared(told):
            page, channel = told["page"], told["channel"]
            if told["mine"]:
                return self.env._(
                    "You shared “%(page)s” on %(channel)s", page=page, channel=channel
                )
            return self.env._(
                "%(who)s shared “%(page)s” on %(channel)s",
                who=told["who"],
                page=page,
                channel=channel,
            )

        def created(told):
            how = evidence.get(told["evidence"])
            return (
                self.env._("The lead came in: %(how)s", how=how)
                if how
                else self.env._("The lead came in")
            )

        return {
            "shared": shared,
            "clicked": lambda told: self.env._(
                "The link to “%(page)s” was opened", page=told["page"]
            ),
            "created": created,
            "reattributed": self._tell_reattributed,
        }

    @api.model
    def _tell_reattributed(self, told):
        if told["channel_to"]:
            return self.env._(
                "Channel changed to %(channel)s", channel=told["channel_to"]
            )
        return _move(
            told,
            self.env._("Nobody counts as having brought it any more"),
            self.env._("Who brought it: %(to)s", to=told["to"]),
            self.env._("Who brought it: %(to)s instead of %(from)s", **told.ends),
        )

    @api.model
    def _get_sentences_of_sales(self):
        return {
            "assigned": lambda told: _move(
                told,
                self.env._("Nobody looks after it any more"),
                self.env._("%(to)s looks after it", to=told["to"]),
                self.env._("%(to)s looks after it instead of %(from)s", **told.ends),
            ),
            "stage_changed": lambda told: _move(
                told,
                self.env._("Stage changed"),
                self.env._("Moved to “%(to)s”", to=told["to"]),
                self.env._("Moved from “%(from)s” to “%(to)s”", **told.ends),
            ),
            "converted": lambda told: self.env._("Made an opportunity"),
            "lost": lambda told: self.env._("Marked as lost"),
            "restored": lambda told: self.env._("Taken up again"),
            "split": lambda told: self.env._("A copy was made"),
            "merged": lambda told: (
                self.env._("Merged into “%(lead)s”", lead=told["into"])
                if told["into"]
                else self.env._("Merged")
            ),
            "deleted": lambda told: self.env._(
                "The lead was deleted; its history stays"
            ),
        }

    @api.model
    def _get_sentences_of_review(self):
        return {
            "held": lambda told: self.env._("The reward is held until it is checked"),
            "released": lambda told: self.env._("The reward was released"),
            "withheld": lambda told: self.env._("The reward was refused"),
            "validated": lambda told: self.env._(
                "Found valid by %(who)s", who=told["by"]
            ),
            "invalidated": lambda told: (
                self.env._("Found to be a duplicate by %(who)s", who=told["by"])
                if told["verdict"] == "duplicate"
                else self.env._("Found invalid by %(who)s", who=told["by"])
            ),
            "reopened": lambda told: self.env._("The review was opened again"),
            "unconfirmed": lambda told: self.env._(
                "Finance's confirmation for %(name)s was taken back",
                name=told["document"],
            ),
        }

    @api.model
    def _get_sentences_of_contract(self):
        def about(text):
            return lambda told: text(told["document"]).strip()

        return {
            "quoted": about(
                lambda name: self.env._("Quotation %(name)s made", name=name)
            ),
            "contracted": about(
                lambda name: self.env._("Contract %(name)s signed", name=name)
            ),
            "rephased": lambda told: self.env._(
                "%(name)s is phase %(to)s instead of %(from)s",
                name=told["document"],
                **told.ends,
            ),
            "invoiced": about(
                lambda name: self.env._("Invoice %(name)s sent", name=name)
            ),
            "paid": about(lambda name: self.env._("Invoice %(name)s paid", name=name)),
            "confirmed": about(
                lambda name: self.env._(
                    "Finance confirmed the reward for %(name)s", name=name
                )
            ),
            "refused": about(
                lambda name: self.env._(
                    "Finance refused the reward for %(name)s", name=name
                )
            ),
            "rewarded": self._get_reward_sentence,
            "refunded": about(
                lambda name: self.env._("Credit note %(name)s", name=name)
            ),
            "cancelled": about(
                lambda name: self.env._("Contract %(name)s cancelled", name=name)
            ),
        }

    @api.model
    def _get_reward_sentence(self, told):
        amount, who = told["amount"], told["who"]
        if told["taken"] and told["mine"]:
            return self.env._("%(amount)s of yours taken back", amount=amount)
        if told["taken"]:
            return self.env._(
                "%(amount)s taken back from %(who)s", amount=amount, who=who
            )
        if told["mine"]:
            return self.env._("You got %(amount)s", amount=amount)
        return self.env._("%(amount)s to %(who)s", amount=amount, who=who)
