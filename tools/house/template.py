"""The template database: every dependency installed, nothing of ours.

Installing the dependencies takes minutes, copying a database takes seconds. The
template is a Chinese company with English and Chinese loaded and no demo data. It
keeps its attachments in the database, so that a copy needs no filestore, and it
lives twice: in the server, and as a dump in the cache for the next checkout.
"""

import os

from .odoo import read_series
from .pgprograms import find_client
from .report import Failed, Problem, run, say, step
from .runner import complaints
from .settings import cache_root, digest, find_addons, locked, require_space

RECIPE = 3  # raise it when the scripts below change
# What the demo needs beside the dependencies of the addons: Chinese accounting, the
# contact form that makes leads, and the menus that only these two apps bring.
ALWAYS = {"l10n_cn", "website_crm", "website_blog", "sale_management", "contacts"}
# What the addons are going to depend on: here, so that a new addon using one of
# them does not mean a new template.
FOUNDATION = {
    "account",
    "crm",
    "partnership",
    "portal",
    "sale_crm",
    "utm",
    "web_hierarchy",
}
ALLOWED = ()  # (regular expression, why it is harmless)

COMPANY = """
china = env.ref("base.cn")
env["ir.config_parameter"].set_param("ir_attachment.location", "db")
env["ir.attachment"].force_storage()
china.currency_id.active = True
env.company.write({"country_id": china.id, "currency_id": china.currency_id.id})
env.ref("base.user_admin").tz = "Asia/Shanghai"
env.cr.commit()
"""
FINISH = """
company = env.company
languages = env["res.lang"].search([])
assert company.chart_template == "cn", company.chart_template
assert company.currency_id.name == "CNY", company.currency_id.name
assert {"en_US", "zh_CN"} <= set(languages.mapped("code")), languages
website = env["website"].search([])
website.language_ids = languages
# Odoo's theme asks an outside host for its fonts: those of the visitor's system do
names = ("font", "headings-font", "navbar-font", "buttons-font")
values = "/website/static/src/scss/options/user_values.scss"
assets = env["website.assets"].with_context(website_id=website[:1].id)
assets.make_scss_customization(values, {name: "'SYSTEM_FONTS'" for name in names})
# A demo and a test talk to nobody outside: no enrichment of companies and leads, no
# letters, no SMS. What would ask while somebody types a name or logs in is removed.
outward = (
    "mail.ir_cron_module_update_notification",
    "snailmail.snailmail_print",
    "sms.ir_cron_sms_scheduler_action",
)
for name in outward:
    cron = env.ref(name, raise_if_not_found=False)
    if cron:
        cron.active = False
env["ir.attachment"].force_storage()
env.cr.commit()
asking = ("crm_iap_enrich", "crm_iap_mine", "partner_autocomplete")
installed = [("name", "in", asking), ("state", "=", "installed")]
env["ir.module.module"].search(installed).button_immediate_uninstall()
"""


class Template:
    """The template database of one set of dependencies on one server."""

    def __init__(self, runner):
        self.runner, self.server = runner, runner.server
        self.modules = dependencies(find_addons(runner.checkout.repo))
        home = runner.venv.odoo_home
        key = digest(read_series(home), home, RECIPE, *self.modules)
        self.name = f"referral_template_{key}"
        self.dump = (
            cache_root() / "templates" / f"{key}-postgres{self.server.major()}.dump"
        )

    def ensure(self):
        """Make the database unless the server has it; from the dump if possible."""
        if self.name in self.server.databases():
            return
        with locked(f"template-{self.dump.stem}"):
            if self.name in self.server.databases():
                return
            require_space(cache_root(), 2)
            half = f"referral_half_{digest(self.runner.checkout.root)}"
            self.server.drop(half)
            if not (self.dump.exists() and self._restore(half)):
                self._build(half)
                self._save(half)
            self.server.query(f'ALTER DATABASE "{half}" RENAME TO "{self.name}"')
            self._drop_older()

    def _drop_older(self):
        """Drop the templates of older dependencies; other checkouts have their own."""
        if self.server.is_private:
            for name in self.server.databases():
                if name.startswith("referral_template_") and name != self.name:
                    self.server.drop(name)

    def _fast(self):
        """Return an environment without durability: what is lost is made anew."""
        return {**self.server.environment(), "PGOPTIONS": "-c synchronous_commit=off"}

    def _restore(self, name):
        self.server.query(f'CREATE DATABASE "{name}" TEMPLATE template0')
        argv = ["pg_restore", "--no-owner", "--jobs=2", f"--dbname={name}", self.dump]
        try:
            with step("Restoring the template database from the cache"):
                run([find_client(argv[0]), *argv[1:]], env=self._fast())
        except Failed as error:
            say(f"The cached template cannot be used and is made anew:\n{error.tail}")
            self.dump.unlink()
            self.server.drop(name)
            return False
        return True

    def _build(self, name):
        self.server.query(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' "
            "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        )
        server, self.runner.server = self.server, _Hurried(self.server, self._fast())
        try:
            with step(
                f"Making the template database ({len(self.modules)} apps and what "
                "they need, 2-3 minutes)"
            ):
                self._install(name, "base", "--load-language=en_US,zh_CN")
                self.runner.script(name, COMPANY)
                self._install(name, ",".join(self.modules))
                self.runner.script(name, FINISH)
        finally:
            self.runner.server = server

    def _install(self, name, modules, *options):
        log = f"template-{modules.partition(',')[0]}.log"
        lines = self.runner.run(
            "-d",
            name,
            "-i",
            modules,
            *options,
            "--stop-after-init",
            "--no-http",
            log=log,
        )
        found = complaints(lines, ALLOWED)
        if found:
            raise Problem(
                f"Odoo complained while installing {modules}:\n"
                + "\n".join(found[:10]),
                f"read {self.runner.checkout.logs / log}.",
            )

    def _save(self, name):
        """Keep a dump for other checkouts, if PostgreSQL's client is there."""
        if not find_client("pg_dump"):
            return
        self.dump.parent.mkdir(parents=True, exist_ok=True)
        half = self.dump.with_suffix(".half")
        try:
            with step("Saving the template database to the cache"):
                argv = [
                    find_client("pg_dump"),
                    "--format=custom",
                    "--compress=1",
                    "--no-owner",
                    f"--file={half}",
                    name,
                ]
                run(argv, env=self.server.environment())
            os.replace(half, self.dump)
        except Failed as error:
            say(f"The template was not saved for other checkouts:\n{error.tail}")


class _Hurried:
    """A server whose programs get another environment."""

    def __init__(self, server, environment):
        self._server, self._environment = server, environment

    def environment(self):
        return self._environment

    def __getattr__(self, name):
        return getattr(self._server, name)


def dependencies(addons):
    """Return the sorted modules a template must hold for these addons."""
    needed = set().union(
        ALWAYS,
        FOUNDATION,
        *(manifest.get("depends", ()) for manifest in addons.values()),
    )
    return sorted(needed - set(addons) - {"base"})
