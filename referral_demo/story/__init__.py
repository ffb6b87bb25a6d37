"""What happens in the demo story, as plain data; ``models/referral_demo.py`` tells it.

Days count back from the day the story is told, so the demo is never old.
"""
