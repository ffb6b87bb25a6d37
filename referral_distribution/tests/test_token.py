import base64
import itertools
import json
import random
import time
from datetime import timedelta

from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, TransactionCase, tagged
from odoo.tools import hash_sign

from odoo.addons.referral_distribution.engine.token import (
    POLICIES,
    Touch,
    Touches,
    credit,
)
from odoo.addons.referral_distribution.models.ir_http import (
    get_scope,
    read_touches,
    sign_touches,
)

DAY = 86400
WINDOW = 30 * DAY
repeatable = settings(max_examples=500, deadline=None, derandomize=True, database=None)
visits = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, WINDOW + 2 * DAY)), max_size=12
)


def walk(steps, start=1000 * DAY):
    """Return the moments of visits that are so many seconds apart."""
    at, found = start, []
    for link, gap in steps:
        at += gap
        found.append(Touch(link, at))
    return found


def credited_by_the_book(row, policy, now):
    """Return whom a policy names, from all visits ever made: the slow, obvious way."""
    run = []
    for touch in row:
        if run and touch.at - run[-1].at >= WINDOW:
            run = []
        run.append(touch)
    if not run or now - run[-1].at >= WINDOW:
        return None
    if policy == "last":
        return run[-1]
    if policy == "first":
        return run[0]
    holder = run[0]
    for before, touch in itertools.pairwise(run):
        if touch.at - holder.at >= WINDOW:
            holder = before
    return holder if now - holder.at < WINDOW else run[-1]


@tagged("post_install", "-at_install")
class TestTouches(BaseCase):
    """engine/token.py: what is kept, and whom a policy credits (threat C5)."""

    def keep(self, row):
        touches = Touches()
        for touch in row:
            touches = touches.touch(*touch, WINDOW)
        return touches

    def links(self, days, policy, now):
        """Return the links credited, after visits ``{day: link}``, on a day."""
        touches = self.keep([Touch(link, day * DAY) for day, link in days.items()])
        return [touch.link for touch in credit(touches, policy, now * DAY, WINDOW)]

    def test_the_policies_as_a_table(self):
        one, two = {100: 1}, {100: 1, 110: 2}
        later, third = {100: 1, 129: 2}, {100: 1, 120: 2, 140: 3}
        table = [
            # visits, day, last, first, first unless expired
            (one, 100, [1], [1], [1]),
            (one, 129, [1], [1], [1]),
            (one, 130, [], [], []),
            (two, 111, [2, 1], [1, 2], [1, 2]),
            (later, 129, [2, 1], [1, 2], [1, 2]),
            (later, 130, [2], [1, 2], [2]),
            (later, 158, [2], [1, 2], [2]),
            (later, 159, [], [], []),
            (third, 141, [3, 2], [1, 2, 3], [2, 3]),
            (third, 150, [3], [1, 3], [3]),
            ({100: 1, 110: 2, 120: 1}, 121, [1], [1], [1]),  # who is both is one
            ({100: 1, 130: 2}, 131, [2], [2], [2]),
        ]
        for days, now, *expected in table:
            found = [self.links(days, policy, now) for policy in POLICIES]
            with self.subTest(days=days, now=now):
                self.assertEqual(found, expected)

    @repeatable
    @given(visits, st.integers(0, WINDOW + DAY))
    def test_three_touches_say_what_all_visits_would(self, steps, gap):
        row = walk(steps)
        touches = self.keep(row)
        now = (row[-1].at if row else 0) + gap
        for policy in POLICIES:
            found = credit(touches, policy, now, WINDOW)
            expected = credited_by_the_book(row, policy, now)
            self.assertEqual(found[0] if found else None, expected)

    @repeatable
    @given(visits, st.integers(0, WINDOW + DAY))
    def test_nobody_is_credited_twice_nor_after_the_window(self, steps, gap):
        row = walk(steps)
        now = (row[-1].at if row else 0) + gap
        for policy in POLICIES:
            found = credit(self.keep(row), policy, now, WINDOW)
            links = [touch.link for touch in found]
            self.assertEqual(len(links), len(set(links)))
            self.assertTrue(set(found) <= set(row))
            for touch in found[policy == "first" :]:
                self.assertLess(now - touch.at, WINDOW)

    @repeatable
    @given(visits.filter(bool))
    def test_what_was_kept_can_be_read_again(self, steps):
        touches = self.keep(walk(steps))
        payload = json.loads(json.dumps(touches.to_payload()))
        self.assertEqual(Touches.from_payload(payload), touches)

    @repeatable
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda some: st.lists(some, max_size=8) | st.dictionaries(st.text(), some),
            max_leaves=10,
        )
    )
    def test_any_payload_is_sound_numbers_or_nothing(self, payload):
        touches = Touches.from_payload(payload)
        if touches:
            self.assertEqual(touches.to_payload(), payload)

    def test_payloads_that_are_nearly_right_are_nothing(self):
        sound = Touches().touch(7, 1000, WINDOW).to_payload()
        self.assertTrue(Touches.from_payload(sound))
        for place in range(len(sound)):
            for value in (0, -1, True, 1.0, "7", None, 2**40, 10**400, [7]):
                payload = [*sound[:place], value, *sound[place + 1 :]]
                with self.subTest(place=place, value=str(value)[:9]):
                    self.assertIsNone(Touches.from_payload(payload))
        for payload in (sound[:-1], [*sound, 7], [2, *sound[1:]], tuple(sound)):
            self.assertIsNone(Touches.from_payload(payload))

    def test_a_clock_that_was_put_back_makes_no_touch_immortal(self):
        touches = self.keep([Touch(1, 1000 * DAY)])
        self.assertEqual(credit(touches, "last", 900 * DAY, WINDOW), ())
        self.assertEqual(touches.touch(2, 900 * DAY, WINDOW).first.link, 2)

    def test_a_policy_that_does_not_exist_credits_nobody(self):
        with self.assertRaises(ValueError):
            credit(self.keep([Touch(1, DAY)]), "best", DAY, WINDOW)


@tagged("post_install", "-at_install")
class TestSignature(TransactionCase):
    """What can be read is what was signed, here, for this purpose (threat C1)."""

    def setUp(self):
        super().setUp()
        now = int(time.time())
        self.touches = Touches().touch(7, now - 60, WINDOW).touch(8, now, WINDOW)
        self.cookie = sign_touches(self.env, self.touches, 30)

    def say(self, value):
        return read_touches(self.env, value)

    def sign(self, payload, scope=None, **kwargs):
        scope = scope or get_scope(self.env)
        return hash_sign(self.env(su=True), scope, payload, **kwargs)

    def test_what_was_signed_is_read_and_short(self):
        self.assertEqual(self.say(self.cookie), self.touches)
        self.assertLess(len(self.cookie), 200)
        most = Touches(*[Touch(2**39, 2**39)] * 3)
        self.assertEqual(self.say(sign_touches(self.env, most, 400)), most)

    def test_a_visitor_without_superpowers_has_the_same_cookie(self):
        public = self.env(user=self.env.ref("base.public_user"))
        self.assertEqual(read_touches(public, self.cookie), self.touches)
        cookie = sign_touches(public, self.touches, 30)
        self.assertEqual(self.say(cookie), self.touches)

    def test_it_ends_with_the_window(self):
        with freeze_time(time.strftime("%Y-%m-%d", time.gmtime()) + " 10:00:00") as at:
            cookie = sign_touches(self.env, self.touches, 30)
            at.tick(timedelta(days=30, seconds=-1))
            self.assertEqual(self.say(cookie), self.touches)
            at.tick(timedelta(seconds=1))
            self.assertIsNone(self.say(cookie))

    def test_another_purpose_or_database_is_as_if_there_were_none(self):
        payload = self.touches.to_payload()
        self.assertTrue(self.say(self.sign(payload)))
        for scope in ("referral-touch", "referral-touch:another", "password"):
            with self.subTest(scope=scope):
                self.assertIsNone(self.say(self.sign(payload, scope)))

    def test_even_what_is_signed_must_make_sense(self):
        deep = "[" * 100_000 + "]" * 100_000
        for payload in (3, "text", {"last": 7}, [1, 7], [2**70] * 7, []):
            with self.subTest(payload=str(payload)[:20]):
                self.assertIsNone(self.say(self.sign(payload)))
        for text in (deep, base64.urlsafe_b64encode(deep.encode()).decode()):
            self.assertIsNone(self.say(text))

    def test_twenty_thousand_cookies_that_are_not_ours_say_nothing(self):
        """Fuzz with a fixed seed: never an exception, never somebody else's touches."""
        chance, tried = random.Random(20260), 0
        strangers = (None, self.touches)  # spare bits of the last letter mean nothing
        for value in self.make_forgeries(chance):
            tried += 1
            self.assertIn(self.say(value), strangers, repr(value)[:200])
        self.assertGreaterEqual(tried, 20_000)

    def make_forgeries(self, chance):
        token = base64.urlsafe_b64decode(self.cookie + "===")
        letters = "ABCabc019-_=+/.%{}[]\"' \0\r\n;é中😀\udc80"
        for _number in range(5000):
            yield self.flip(token, chance)
        for _number in range(3000):
            yield self.cookie[: chance.randrange(len(self.cookie))]
        for _number in range(3000):
            yield self.encode(chance.randbytes(chance.randrange(120)))
        for _number in range(3000):
            yield "".join(chance.choices(letters, k=chance.randrange(300)))
        for _number in range(3000):
            place = chance.randrange(len(self.cookie))
            more = "".join(chance.choices(letters, k=chance.randrange(1, 4)))
            yield self.cookie[:place] + more + self.cookie[place:]
        for number in range(2000):  # another member's link under the old signature
            payload = [1, *[number + 9, 10**9] * 3]
            yield self.encode(token[:41] + json.dumps(payload).encode())
        for number in range(2000):  # no signature, any end, other contents
            size = chance.choice([0, 1, 9, 40, 41, 42, 300, 6000])
            head = b"\x01" + (number * 2**40).to_bytes(8, "little")
            yield self.encode((head + chance.randbytes(32) + b"[" * size)[: size + 41])
        yield from (
            None,
            7,
            b"x",
            "",
            "A" * 8192,
            self.cookie + "A" * 8192,
            [],
            "9" * 400,
        )

    def flip(self, token, chance):
        changed = bytearray(token)
        changed[chance.randrange(len(token))] ^= 1 << chance.randrange(8)
        return self.encode(bytes(changed))

    def encode(self, token):
        return base64.urlsafe_b64encode(token).decode().rstrip("=")
