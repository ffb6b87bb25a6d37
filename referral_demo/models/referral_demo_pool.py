from odoo import api, models

from ..story import pool


class ReferralDemo(models.AbstractModel):
    """The leads of the last days wait for review; some of them are not what they seem.

    They come the way leads come, so that the rules find what is odd about them.
    """

    _inherit = "referral.demo"

    def _list_steps(self, scene):
        yield from super()._list_steps(scene)
        told = {}
        for number, asked in enumerate(pool.ASKED, 100):
            yield asked.age, self._bring_asked, scene, asked, number, told
        yield pool.TYPED_IN.age, self._type_in, scene, pool.TYPED_IN
        yield pool.MERGED, self._merge_asked, scene, told
        yield pool.LOST, self._give_up, scene, told
        yield pool.RESTORED, self._take_up, scene, told

    @api.model
    def _make_visits(self, clock):
        """One of those who came in the loud hour asks, too."""
        result = super()._make_visits(clock)
        burst = self.env["referral.link.burst"].search([], limit=1)
        clock(pool.LOUD.age, hour=15.5)
        self._ask(burst.link_id, 1, self._prepare_asked_vals(pool.LOUD))
        clock(0)
        return result

    def _bring_asked(self, scene, asked, number, told):
        link = self._share(scene, asked, number)
        told[asked.key] = self._ask(link, number, self._prepare_asked_vals(asked))

    def _type_in(self, scene, asked):
        """A member types in, in the portal, whom they recommend (rule L4)."""
        member = scene["members"][asked.member]
        leads = self.env["crm.lead"].with_user(member.user_ids[:1])
        typed = {
            "company": asked.customer,
            "contact": asked.contact,
            "phone": asked.phone,
            "email": asked.email,
            "note": f"{asked.request_zh} {asked.request}",
            "agreed": True,
        }
        _lead, problems = leads._recommend(member, self.env.company, typed)
        if problems:
            raise ValueError(problems)

    @api.model
    def _prepare_asked_vals(self, asked):
        state = self.env.ref(f"base.{asked.state}")
        return {
            "name": f"{asked.request_zh} {asked.request}",
            "partner_name": asked.customer,
            "contact_name": asked.contact,
            "email_from": asked.email,
            "phone": asked.phone,
            "description": asked.request,
            "type": "opportunity",
            "user_id": False,  # nobody's yet, as the website's form leaves it
            "city": asked.city,
            "state_id": state.id,
            "country_id": state.country_id.id,
        }

    def _merge_asked(self, scene, told):
        """Sales makes one lead of what one visitor asked twice."""
        both = told["first"] | told["second"]
        both.with_user(scene["staff"]["sales"]).merge_opportunity(user_id=False)

    def _give_up(self, scene, told):
        lead = told["back"].with_user(scene["staff"]["sales"])
        lead.action_set_lost(lost_reason_id=self.env.ref("crm.lost_reason_1").id)

    def _take_up(self, scene, told):
        told["back"].with_user(scene["staff"]["sales"]).action_unarchive()
