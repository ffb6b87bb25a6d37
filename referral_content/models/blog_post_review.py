from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

# Where a piece may come from, by where it goes.
_REVIEW_MOVES = {
    "in_review": {"draft", "rejected"},
    "approved": {"in_review"},
    "rejected": {"in_review"},
    "draft": {"in_review", "approved", "rejected"},
}
# Only the gate below holds it: no request can bring an object along.
_REVIEW_GATE = object()
_REVIEWED_TEXT = {"name", "subtitle", "content"}


class BlogPost(models.Model):
    """Nobody publishes what only they have read (rule T1).

    An article with a kind is reviewed by somebody other than its originator before it
    can be published; an ordinary blog post is not.
    """

    _inherit = "blog.post"

    originator_id = fields.Many2one(
        "res.users",
        string="Content operator",
        compute="_compute_originator_id",
        store=True,
        readonly=False,
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        tracking=True,
        groups="base.group_user",
    )
    review_state = fields.Selection(
        [
            ("draft", "Draft"),
            ("in_review", "In review"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
        ],
        string="Review",
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
        groups="base.group_user",
    )

    _published_is_approved = models.Constraint(
        "CHECK (referral_kind IS NULL OR is_published IS NOT TRUE"
        " OR review_state = 'approved')",
        "An article is published only after its review.",
    )

    @api.depends("referral_kind")
    def _compute_originator_id(self):
        for post in self:
            if post.referral_kind and not post.originator_id:
                post.originator_id = self.env.user
            else:
                post.originator_id = post.originator_id

    @api.constrains("is_published", "referral_kind", "review_state")
    def _check_published_is_approved(self):
        for post in self:
            approved = post.review_state == "approved"
            if post.referral_kind and post.is_published and not approved:
                self._raise_not_approved(post.name)

    def _raise_not_approved(self, name):
        raise ValidationError(
            self.env._(
                "%(article)s cannot be published before its review approved it.",
                article=name,
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("review_state", "draft") != "draft":
                self._raise_review_decides()
            if vals.get("referral_kind") and vals.get("is_published"):
                self._raise_not_approved(vals.get("name"))
        posts = super().create(vals_list)
        if not self.env.su and posts.originator_id - self.env.user:
            posts._check_may_name_originator()
        return posts

    def write(self, vals):
        in_gate = self.env.context.get("referral_review_gate") is _REVIEW_GATE
        if "review_state" in vals and not in_gate:
            self._raise_review_decides()
        if not self.env.su:
            self._check_review_is_kept(vals)
        return super().write(vals)

    def _check_review_is_kept(self, vals):
        """Refuse a write that would go around the review (rule T1)."""
        if "originator_id" in vals:
            self.filtered(
                lambda post: (
                    post.originator_id
                    and post.originator_id.id != vals["originator_id"]
                )
            )._check_may_name_originator()
        if "referral_kind" in vals and not vals["referral_kind"]:
            self.filtered("referral_kind")._check_may_drop_kind()
        if not _REVIEWED_TEXT.isdisjoint(vals):
            self._check_may_change_text()

    def _raise_review_decides(self):
        raise UserError(
            self.env._("The review decides about an article: use its buttons.")
        )

    def _check_may_name_originator(self):
        if self and not self.env.user.has_group("referral_distribution.group_manager"):
            raise AccessError(
                self.env._("Only a manager names another content operator.")
            )

    def _check_may_drop_kind(self):
        if self and not self.env.user.has_group("website.group_website_designer"):
            raise AccessError(
                self.env._(
                    "An article keeps its kind: without one it would need no review."
                )
            )

    def _check_may_change_text(self):
        """A colleague may correct a text under review, its originator may not."""
        frozen = self.filtered(
            lambda post: (
                post.referral_kind
                and post.originator_id == self.env.user
                and post.review_state in ("in_review", "approved")
            )
        )
        if frozen:
            raise UserError(
                self.env._(
                    "%(article)s is in review or approved. A colleague can correct"
                    " it; to rewrite it, set it back to draft first.",
                    article=frozen[0].name,
                )
            )

    def _check_for_publication(self, vals):
        # The blog's followers are told. Who may publish an article need not have the
        # right to write on the blog itself.
        return super(BlogPost, self.sudo())._check_for_publication(vals)

    def action_referral_submit(self):
        """Hand drafts, or rejected articles, to the reviewers (rule T1).

        :raises UserError: when one is ordinary, or approved already.
        """
        self._set_review_state("in_review")

    def action_referral_approve(self):
        """Approve articles in review: they may be published (rule T1).

        :raises AccessError: without the content operator's role.
        :raises UserError: when one is the user's own, or not in review.
        """
        self._check_may_review()
        self._set_review_state("approved")

    def action_referral_reject(self, reason):
        """Send articles in review back, with a note to their originators (rule T1).

        :param str reason: what to change; an internal note in the chatter.
        :raises AccessError: without the content operator's role.
        :raises UserError: without a reason, on own articles, or when not in review.
        """
        if not (reason or "").strip():
            raise UserError(self.env._("Say what has to be changed."))
        self._check_may_review()
        for post in self._set_review_state("rejected"):
            post.message_post(
                body=self.env._("Rejected: %(reason)s", reason=reason),
                partner_ids=post.originator_id.partner_id.ids,
                subtype_xmlid="mail.mt_note",
            )

    def action_referral_reset(self):
        """Set articles back to draft; what was published is taken off the site.

        :raises UserError: when one is an ordinary blog post.
        """
        self.filtered("is_published").is_published = False
        self._set_review_state("draft")

    def _check_may_review(self):
        self.env.user._referral_require("group_content_operator")
        own = self.filtered(lambda post: post.originator_id == self.env.user)
        if own:
            raise UserError(
                self.env._(
                    "%(article)s is yours: somebody else has to review it.",
                    article=own[0].name,
                )
            )

    def _set_review_state(self, target):
        """Move articles to ``target``: the one place where the review state changes.

        Those that are there already stay as they are: pressing twice is harmless.

        :return: the articles that moved.
        :raises UserError: naming one that cannot move there from where it is.
        """
        there = self.filtered(lambda post: post.review_state == target)
        todo = (self - there).filtered(
            lambda post: (
                post.referral_kind and post.review_state in _REVIEW_MOVES[target]
            )
        )
        wrong = self - there - todo
        if wrong:
            states = dict(self._fields["review_state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(article)s cannot go from “%(state)s” to “%(next_state)s”.",
                    article=wrong[0].name,
                    state=states[wrong[0].review_state],
                    next_state=states[target],
                )
            )
        todo.with_context(referral_review_gate=_REVIEW_GATE).write(
            {"review_state": target}
        )
        return todo
