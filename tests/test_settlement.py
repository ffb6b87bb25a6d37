"""The settlement's job in real processes: two at once, and killed at each commit.

Rule C6, threats J1 and J2. What a process has committed stays, what it has not is as if
it had never been; the next one goes on with what is left.
"""

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from journeys import query

PEOPLE, LINES = 6, 2  # lines a person
MAKE = f"""
plan = env["referral.plan"].create({{
    "name": "Killed", "settlement_mode": "at_once",
    "rule_ids": [(0, 0, {{"name": str(n), "trigger": "lead_valid",
        "rate_type": "fixed", "amount": 10}}) for n in range({LINES})]}})
people = env["res.partner"].create(
    [{{"name": f"Killed {{n}}"}} for n in range({PEOPLE})])
lead = env["crm.lead"].search([("referrer_id", "!=", False)], limit=1)
lines = env["referral.commission"].create([
    {{"company_id": env.company.id, "partner_id": person.id, "trigger": "lead_valid",
     "rule_id": rule.id, "level": 0, "amount": 10, "lead_id": lead.id,
     "currency_id": env.company.currency_id.id,
     "explanation": {{"rate_type": "fixed"}}}}
    for person in people for rule in plan.rule_ids])
lines._set_state("approved")
env.cr.commit()
print("PLAN", plan.id)
"""
# Two lines a slice, so that each person is a transaction of its own.
RUN = """
import os, signal
from unittest.mock import patch
from odoo.addons.referral_distribution.models import referral_settlement_collect
referral_settlement_collect.LINES = SLICE
cron, state = type(env["ir.cron"]), {"commits": 0}
commit, point = cron._commit_progress, POINT

def step(self, *args, **values):
    settled = bool(args and args[0])
    state["commits"] += settled
    if settled and point == ("before", state["commits"]):
        os.kill(os.getpid(), signal.SIGKILL)
    left = commit(self, *args, **values)
    if settled and point == ("after", state["commits"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return left

with patch.object(cron, "_commit_progress", step):
    env["referral.settlement"]._cron_settle()
"""
SETTLED = """
SELECT line.partner_id, count(*) AS lines, count(line.settlement_id) AS settled,
    count(DISTINCT line.settlement_id) AS settlements, sum(line.amount) AS amount,
    (SELECT sum(amount_total) FROM referral_settlement settlement
        WHERE settlement.partner_id = line.partner_id) AS total
FROM referral_commission line WHERE line.plan_id = %s GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
def plan(server, house):
    """The plan of rewards that are due now; nothing of them is settled."""
    return int(house.runner.script(server.db, MAKE).split("PLAN")[1])


def run_job(server, house, point=None):
    """Run the job in a process of its own; return how it ended."""
    command = house.runner.command(
        "shell", "-d", server.db, "--log-level=critical", "--no-http"
    )
    done = subprocess.run(
        command,
        input=RUN.replace("SLICE", str(LINES)).replace("POINT", repr(point)),
        text=True,
        capture_output=True,
        env=house.server.environment(),
        check=False,
    )
    return done.returncode


def assert_settled_once(db, plan):
    for row in query(db, SETTLED, plan):
        assert (row["lines"], row["settled"], row["settlements"]) == (LINES, LINES, 1)
        assert row["amount"] == row["total"]


def count_settled(db, plan):
    return sum(row["settled"] for row in query(db, SETTLED, plan))


def test_killed_at_each_commit_it_goes_on_and_settles_nothing_twice(
    server, house, db, plan
):
    """Threat J2."""
    before = [0]
    for point in (("before", 1), ("after", 1), ("before", 2), ("after", 3)):
        assert run_job(server, house, point) == -signal.SIGKILL
        before.append(count_settled(db, plan))
    assert before == sorted(before)
    assert before[1] == 0  # killed before the commit: nothing stands
    assert 0 < before[2] < PEOPLE * LINES
    assert run_job(server, house) == 0
    assert_settled_once(db, plan)


def test_two_jobs_and_a_button_at_once_settle_each_line_once(server, house, db, plan):
    """Threat J1."""

    def press(_number):
        with server.expects(r"bad query: .*WITH reward"):
            server.rpc("finance", "demo")("referral.settlement", "action_run", [])
        return 0

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(run_job, server, house) for _time in range(2)]
        button = pool.submit(press, 1)
        assert [job.result() for job in jobs] == [0, 0]
        assert button.result() == 0
    assert_settled_once(db, plan)
