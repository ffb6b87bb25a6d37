from odoo import models


class ChatbotScriptStep(models.Model):
    _inherit = "chatbot.script.step"

    def _process_step_create_lead(self, discuss_channel):
        """Make the lead of a chat with a bot, credited to who brought its visitor."""
        step = discuss_channel._with_referral_origin(self)
        leads = super(ChatbotScriptStep, step)._process_step_create_lead(
            discuss_channel.with_env(step.env)
        )
        return leads.with_env(self.env)
