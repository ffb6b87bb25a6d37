import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock, Thread
from uuid import uuid4

from odoo import SUPERUSER_ID, api
from odoo.exceptions import ConcurrencyError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import DISABLED_MAIL_CONTEXT

from ..models import gate
from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase
from .tree import find_problems, plant, random_inviters

CONFLICTS = (ConcurrencyError, *PG_CONCURRENCY_EXCEPTIONS_TO_RETRY)
TRIES = 100


class TreeRacesCase(TwoConnectionsCase):
    """Members of one test carry one name, by which they are found and removed."""

    def _make(self, env):
        self.name = f"race {uuid4().hex}"

    def _erase(self):
        toggle = "ALTER TABLE referral_inviter_change %s TRIGGER USER"
        mine = "IN (SELECT id FROM res_partner WHERE name = %s)"
        with self.registry.cursor() as cr:
            cr.execute(toggle % "DISABLE")
            for statement in (
                f"DELETE FROM referral_inviter_change WHERE partner_id {mine}",
                f"DELETE FROM referral_invite_code WHERE partner_id {mine}",
                "UPDATE res_partner SET inviter_id = NULL WHERE name = %s",
                "DELETE FROM res_partner WHERE name = %s",
            ):
                cr.execute(statement, (self.name,))
            cr.execute(toggle % "ENABLE")
        self.registry.clear_all_caches()

    def plant(self, inviters, state="active"):
        with self.committed() as env:
            return plant(env, inviters, self.name, state)

    def contact(self):
        """Return the id of a contact without a place in the tree."""
        with self.committed() as env:
            return env["res.partner"].create({"name": self.name}).id

    def join(self, inviter):
        """Return an action: a new member below ``inviter``."""
        vals = {"name": self.name, "member_state": "active", "inviter_id": inviter}
        return lambda env: env["res.partner"].create(vals)

    def move(self, member, inviter):
        """Return an action: the manager's change of inviter."""

        def move(env):
            env["referral.inviter.change"].create(
                {
                    "partner_id": member,
                    "new_inviter_id": inviter,
                    "reason": "A race",
                }
            ).action_apply()

        return move

    def writing(self, member, **vals):
        return lambda env: env["res.partner"].browse(member).write(vals)

    def assertTree(self, people=None):
        with self.committed() as env:
            mine = env["res.partner"].with_context(active_test=False)
            mine = mine.search([("name", "=", self.name)])
            placed = mine.filtered("invite_path")
            self.assertEqual(find_problems(env, placed.ids), [])
            if people is not None:
                self.assertEqual(len(placed), people)

    def persist(self, action, uid=SUPERUSER_ID):
        """Run an action as Odoo does, again after each conflict, without its pauses.

        :return: what came of it, and how many conflicts there were.
        """
        for conflicts in range(TRIES):
            with self.registry.cursor() as cr:
                env = api.Environment(cr, uid, dict(DISABLED_MAIL_CONTEXT))
                try:
                    action(env)
                    env.flush_all()
                    # two real connections are what these tests are about
                    cr.commit()  # pylint: disable=invalid-commit
                    return DONE, conflicts
                except CONFLICTS:
                    cr.rollback()
                except UserError:
                    cr.rollback()
                    return REFUSED, conflicts
        return "gave up", TRIES

    def at_once(self, *works):
        """Run functions in threads that start together; their errors are raised."""
        barrier = Barrier(len(works))

        def run(work):
            barrier.wait(30)
            work()

        with (
            mute_logger("odoo.sql_db", "odoo.service.model"),
            ThreadPoolExecutor(len(works)) as pool,
        ):
            for done in [pool.submit(run, work) for work in works]:
                done.result()


@tagged("post_install", "-at_install")
class TestTreeRaces(TreeRacesCase):
    """Each pair in both orders, on snapshots taken before the first (rule M3)."""

    def test_who_joins_a_team_that_is_moved_moves_along(self):
        for first, second in (("join", "move"), ("move", "join")):
            # the newcomer stands below somebody deep in the team; 70 crosses an anchor
            for length in (2, 70):
                with self.subTest(first=first, length=length):
                    root, other, *team = self.plant([None, None, *range(1, length)])
                    actions = {
                        "join": self.join(team[-1]),
                        "move": self.move(other, root),
                    }
                    outcomes = self.race(actions[first], actions[second])
                    self.assertEqual(outcomes, [DONE, AGAIN])
                    self.assertTree()

    def test_who_joins_by_the_code_of_somebody_who_is_moved_moves_along(self):
        """Rule M2: the claim of a personal code stands, whoever is first."""
        root, top, owner = self.plant([None, None, 1])
        with self.committed() as env:
            partner = env["res.partner"].browse(owner)
            env["referral.invite.code"]._ensure_personal(partner)
            code = partner.invite_code
        for swap in (False, True):
            newcomer = self.contact()

            def claim(env, newcomer=newcomer):
                found = env["referral.invite.code"]._find(code)
                partner = env["res.partner"].browse(newcomer)
                self.assertEqual(partner._referral_join(env.company, found), "")

            target = None if swap else root
            actions = [claim, self.move(top, target)]
            outcomes = self.race(*(actions[::-1] if swap else actions))
            with self.subTest(swap=swap):
                self.assertEqual(outcomes, [DONE, AGAIN])
                self.assertTree(4 + swap)

    def test_two_join_below_a_contact_that_has_no_place_yet(self):
        contact = self.contact()
        outcomes = self.race(self.join(contact), self.join(contact))
        self.assertEqual(outcomes, [DONE, AGAIN])
        self.assertTree(3)

    def test_one_joins_below_a_contact_that_becomes_a_member(self):
        [root] = self.plant([None])
        for vals in ({"member_state": "active"}, {"inviter_id": root}):
            for swap in (False, True):
                contact = self.contact()
                actions = [self.join(contact), self.writing(contact, **vals)]
                with self.subTest(vals=vals, swap=swap):
                    outcomes = self.race(*(actions[::-1] if swap else actions))
                    self.assertEqual(outcomes, [DONE, AGAIN])
                    self.assertTree()

    def test_two_contacts_without_a_place_invite_each_other(self):
        """Threat I1."""
        one, two = self.contact(), self.contact()
        actions = [self.writing(one, inviter_id=two), self.writing(two, inviter_id=one)]
        self.assertEqual(self.race(*actions), [DONE, REFUSED])
        self.assertTree(2)

    def test_a_team_and_a_part_of_it_are_moved(self):
        for swap in (False, True):
            # out of the team, to its top, to be a root
            for target in ("root", "top", "nobody"):
                root, top, _middle, inner, _last = self.plant([None, None, 1, 2, 3])
                above = {"root": root, "top": top, "nobody": False}[target]
                actions = [self.move(top, root), self.move(inner, above)]
                with self.subTest(swap=swap, target=target):
                    outcomes = self.race(*(actions[::-1] if swap else actions))
                    self.assertEqual(outcomes, [DONE, AGAIN])
                    self.assertTree()

    def test_a_team_is_moved_below_somebody_who_is_moved(self):
        for swap in (False, True):
            root, one, _below, two = self.plant([None, None, 1, None])
            actions = [self.move(one, root), self.move(two, _below)]
            with self.subTest(swap=swap):
                outcomes = self.race(*(actions[::-1] if swap else actions))
                self.assertEqual(outcomes, [DONE, AGAIN])
                self.assertTree()

    def test_a_member_leaves_while_its_team_is_moved(self):
        for swap in (False, True):
            root, top, inside = self.plant([None, None, 1])
            actions = [
                self.writing(inside, member_state="left"),
                self.move(top, root),
            ]
            with self.subTest(swap=swap):
                outcomes = self.race(*(actions[::-1] if swap else actions))
                self.assertEqual(outcomes, [DONE, AGAIN])
                self.assertTree()

    def test_a_circle_of_any_length_is_never_closed(self):
        """Threat I1: each invites the next one, at once."""
        for length in (2, 3, 7):
            roots = self.plant([None] * length)
            pairs = zip(roots, [*roots[1:], roots[0]], strict=True)
            actions = [self.writing(one, inviter_id=above) for one, above in pairs]
            with self.subTest(length=length):
                outcomes = self.race(*actions)
                self.assertEqual(outcomes.count(REFUSED), 1)
                self.assertNotIn("gave up", outcomes)
                self.assertTree()

    def test_two_teams_that_join_each_others_depths_make_no_loop(self):
        one, two, below_one, below_two = self.plant([None, None, 0, 1])
        actions = [
            self.writing(two, inviter_id=below_one),
            self.writing(one, inviter_id=below_two),
        ]
        self.assertEqual(self.race(*actions), [DONE, REFUSED])
        self.assertTree()

    def test_a_move_waits_for_who_is_joining_the_team(self):
        """The newcomer is not committed yet when the move begins."""
        root, top, inside = self.plant([None, None, 1])
        outcome = self.overlap(self.join(inside), self.move(top, root))
        self.assertEqual(outcome, (DONE, 1))
        self.assertTree(4)

    def test_moves_into_each_others_teams_wait_and_close_no_loop(self):
        """Neither is committed when the other looks (threat I1)."""
        for depth in (0, 2):
            one, two, below_one, below_two = self.plant([None, None, 0, 1])
            into_one, into_two = (below_one, below_two) if depth else (one, two)
            outcome = self.overlap(
                self.writing(two, inviter_id=into_one),
                self.writing(one, inviter_id=into_two),
            )
            with self.subTest(depth=depth):
                self.assertEqual(outcome, (REFUSED, 1))
                self.assertTree()

    def overlap(self, first, second):
        """Begin ``second`` before ``first`` is committed; return how it ended.

        Fails unless the second waits for the first.
        """
        outcomes = []
        with self.committed() as env:
            first(env)
            env.flush_all()
            other = Thread(target=lambda: outcomes.append(self.persist(second)))
            with mute_logger("odoo.sql_db"):
                other.start()
                self._wait_until_somebody_waits(env.cr)
                env.cr.commit()  # pylint: disable=invalid-commit
                other.join(60)
        return outcomes[0]

    def _wait_until_somebody_waits(self, cr):
        blocked = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        for _time in range(500):
            cr.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)")
            cr.execute(blocked)
            if cr.fetchone()[0]:
                return
        self.fail("the second did not wait for the first")


@tagged("post_install", "-at_install")
class TestSingleUse(TreeRacesCase):
    """A single-use code admits one (rule M6, threat I3)."""

    def make_code(self):
        [owner] = self.plant([None])
        with self.committed() as env:
            vals = {"kind": "single_use", "partner_id": owner}
            return env["referral.invite.code"].create(vals).code

    def test_the_slower_of_two_is_refused(self):
        code = self.make_code()
        newcomers = [self.contact(), self.contact()]

        def claim(newcomer):
            def claim(env):
                found = env["referral.invite.code"]._find(code)
                found._claim(env["res.partner"].browse(newcomer))

            return claim

        outcomes = self.race(*map(claim, newcomers))
        self.assertEqual(outcomes, [DONE, REFUSED])
        self.forget_use(code)

    def test_twenty_at_once_are_one_with_and_nineteen_without_an_inviter(self):
        code, problems, lock = self.make_code(), [], Lock()
        with self.committed() as env:
            vals_list = [{"name": self.name}] * 20
            newcomers = env["res.partner"].create(vals_list).ids

        def claim(newcomer):
            def action(env):
                found = env["referral.invite.code"]._find(code)
                partner = env["res.partner"].browse(newcomer)
                said[newcomer] = partner._referral_join(env.company, found)

            def work():
                outcome, _conflicts = self.persist(action)
                with lock:
                    problems.append((outcome, bool(said[newcomer])))

            return work

        said = {}
        self.at_once(*map(claim, newcomers))
        self.assertEqual(problems.count((DONE, False)), 1)
        self.assertEqual(problems.count((DONE, True)), 19)
        with self.committed() as env:
            found = env["referral.invite.code"]._find(code)
            invited = env["res.partner"].browse(newcomers).filtered("inviter_id")
            self.assertEqual(found.used_by_id, invited)
        self.assertTree(21)
        self.forget_use(code)

    def forget_use(self, code):
        """Let the newcomers be removed."""
        with self.committed() as env:
            env["referral.invite.code"]._find(code).unlink()


@tagged("post_install", "-at_install")
class TestManyMoves(TreeRacesCase):
    """1,000 changes of inviter and 200 newcomers, eight at once (rule M3)."""

    SEED, MEMBERS, THREADS, MOVES, JOINS = 190, 300, 8, 1000, 200

    def test_a_thousand_moves_at_once_leave_one_tree(self):
        generator = random.Random(self.SEED)
        members = self.plant(random_inviters(generator, self.MEMBERS, chain=140))
        actions = [self._random_move(generator, members) for _ in range(self.MOVES)]
        actions += [self.join(generator.choice(members)) for _ in range(self.JOINS)]
        generator.shuffle(actions)
        results = []

        def work(share):
            def run():
                for action in share:
                    results.append(self.persist(action))

            return run

        self.at_once(*(work(actions[n :: self.THREADS]) for n in range(self.THREADS)))
        outcomes = [outcome for outcome, _conflicts in results]
        self.assertEqual(len(outcomes), self.MOVES + self.JOINS)
        self.assertEqual(set(outcomes), {DONE, REFUSED})
        # what is refused would have closed a loop, or changed nothing
        self.assertGreater(outcomes.count(DONE), len(outcomes) / 2)
        self.assertGreater(sum(conflicts for _outcome, conflicts in results), 0)
        self.assertTree(self.MEMBERS + self.JOINS)

    def _random_move(self, generator, members):
        """Return a move; every tenth makes a root, every fourth is the manager's."""
        member = generator.choice(members)
        inviter = generator.choice(members) if generator.random() > 0.1 else False
        if generator.random() < 0.25:
            return self.move(member, inviter)

        def move(env):
            gate.opened(env["res.partner"].browse(member)).inviter_id = inviter

        return move
