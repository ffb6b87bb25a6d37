"""Settlement and payout in real processes: two at once, and killed at each commit.

Rule C6, threats F2, J1 and J2. What a process has committed stays, what it has not is
as if it had never been; the next one goes on with what is left.
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
# One submitted settlement of 20, and who is still needed for it.
MAKE_SUBMITTED = """
lines = env["referral.commission"].search([("plan_id", "=", PLAN)])
line = lines.filtered(lambda line: line.partner_id == lines[0].partner_id)
finance = env.ref("referral_distribution.group_finance").ids
users = env["res.users"].create(
    [{"name": f"Killed {n} {PLAN}", "login": f"killed_{n}_{PLAN}",
      "group_ids": [(6, 0, finance)]} for n in range(3)])
settlement = env["referral.settlement"]._collect(line)
settlement.with_user(users[0]).action_submit()
env.cr.commit()
print("FOUND", settlement.id, *users.ids)
"""
APPROVE = "env['referral.settlement'].with_user(APPROVER).browse(ID).action_approve()\n"
PAY = """
cash = [("type", "=", "cash"), ("company_id", "=", env.company.id)]
journal = env["account.journal"].search(cash, limit=1)
wizard = env["referral.settlement.pay"].with_user(PAYER).create(
    {"settlement_ids": [ID], "journal_id": journal.id})
wizard.action_pay()
env.flush_all()
"""
COMMIT = "env.cr.commit()\n"
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
PAID = """
SELECT settlement.state, bill.state AS bill, bill.payment_state,
    (SELECT count(*) FROM account_move WHERE partner_id = settlement.partner_id
        AND move_type = 'in_invoice') AS bills,
    (SELECT array_agg(amount) FROM account_payment payment
        WHERE payment.partner_id = settlement.partner_id) AS payments
FROM referral_settlement settlement
LEFT JOIN account_move bill ON bill.id = settlement.bill_id WHERE settlement.id = %s
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
    script = RUN.replace("SLICE", str(LINES)).replace("POINT", repr(point))
    return run(server, house, script)


def run(server, house, script):
    command = house.runner.command(
        "shell", "-d", server.db, "--log-level=critical", "--no-http"
    )
    done = subprocess.run(
        command,
        input=script,
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


def test_killed_between_approval_and_payment_it_is_paid_once(server, house, db, plan):
    """Threat F2: whoever is killed when, there is one bill and one payment."""
    script = MAKE_SUBMITTED.replace("PLAN", str(plan))
    found = house.runner.script(server.db, script).split("FOUND")[1].split()
    settlement, _submitter, approver, payer = found[:4]

    def step(script, *then):
        for name, value in (
            ("ID", settlement),
            ("APPROVER", approver),
            ("PAYER", payer),
        ):
            script = script.replace(name, value)
        code = run(server, house, script + "".join(then))
        [row] = query(db, PAID, int(settlement))
        return code, row

    killed = -signal.SIGKILL
    nothing = {"bill": None, "payment_state": None, "bills": 0, "payments": None}
    code, row = step(APPROVE, KILL)
    assert (code, row) == (killed, {"state": "submitted", **nothing})
    code, approved = step(APPROVE, COMMIT, KILL)
    assert (code, approved["state"], approved["bill"]) == (killed, "approved", "draft")
    assert step(APPROVE, COMMIT) == (0, approved)  # and again: nothing new
    assert step(PAY, KILL) == (killed, approved)
    code, row = step(PAY, COMMIT, KILL)
    assert code == killed
    assert row == {
        "state": "paid",
        "bill": "posted",
        "payment_state": "paid",
        "bills": 1,
        "payments": [20],
    }
    code, again = step(PAY, COMMIT)
    assert (code != 0, again) == (True, row)  # refused
