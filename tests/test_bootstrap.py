"""The set-up: its keys, and what it says when something foreseeable is wrong."""

import os
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from house import (
    clean,
    databases,
    front,
    machine,
    odoo,
    pgprograms,
    postgres,
    report,
    runner,
    serve,
    settings,
    template,
    venv,
)

REPO = settings.REPO


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of its own."""
    monkeypatch.setenv("REFERRAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def says(problem, *words):
    """True when both sentences of a problem are there, with these words in them."""
    text = str(problem.value)
    assert problem.value.what and problem.value.remedy
    return all(word in text for word in words)


# --- Python ------------------------------------------------------------------


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 14)])
def test_python_outside_of_odoos_range_is_refused(version):
    main = __import__("main")
    assert not main.is_supported(version)


def old_pythons():
    versions = Path.home() / ".pyenv" / "versions"
    found = [versions.glob("2.7*/bin/python"), versions.glob("3.[6789].*/bin/python")]
    return sorted(str(path) for paths in found for path in paths)


@pytest.mark.parametrize("python", old_pythons() or [None])
def test_an_old_python_gets_a_sentence_and_no_traceback(python, tmp_path):
    if python is None:
        pytest.skip("no old Python on this machine")
    done = subprocess.run(
        [python, REPO / "tools" / "main.py", "lint"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Wrong Python" in done.stderr and "What to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_lists_the_known_ones():
    done = subprocess.run(
        [sys.executable, REPO / "tools" / "main.py", "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "run" in done.stderr and "What to do" in done.stderr


# --- keys and folders --------------------------------------------------------


def test_two_checkouts_never_share_a_folder(cache):
    first, second = settings.Checkout(Path("/a/one")), settings.Checkout(Path("/a/two"))
    assert first.root != second.root
    assert first.socket != second.socket


def test_the_socket_path_stays_short_in_a_deep_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("REFERRAL_CACHE", str(tmp_path / ("deep" * 30)))
    path = settings.Checkout().socket / ".s.PGSQL.5432.lock"
    assert len(str(path)) < 107


def test_the_environment_key_follows_requirements_and_odoo(cache, tmp_path):
    (tmp_path / "requirements.txt").write_text("one==1\n")
    key = venv.Venv(Path("/odoo"), tmp_path).path
    assert venv.Venv(Path("/other"), tmp_path).path != key
    (tmp_path / "requirements.txt").write_text("one==2\n")
    assert venv.Venv(Path("/odoo"), tmp_path).path != key


def test_a_fingerprint_follows_content_but_not_tests(repo):
    addon = repo / "referral_x"
    key = settings.fingerprint(addon)
    (addon / "tests" / "test_used.py").write_text("changed = True\n")
    assert settings.fingerprint(addon) == key
    (addon / "models.py").write_text("changed = True\n")
    assert settings.fingerprint(addon) != key


def test_the_template_needs_what_addons_depend_on_and_nothing_of_ours():
    addons = {
        "referral_x": {"depends": ["base", "loyalty"]},
        "referral_y": {"depends": ["referral_x"]},
    }
    modules = template.dependencies(addons)
    assert "loyalty" in modules and "l10n_cn" in modules
    assert not {"base", "referral_x", "referral_y"} & set(modules)


def test_an_addon_that_is_not_installable_is_no_addon(repo):
    other = repo / "referral_off"
    other.mkdir()
    (other / "__manifest__.py").write_text('{"installable": False}')
    assert set(settings.find_addons(repo)) == {"referral_x"}


# --- building all or nothing -------------------------------------------------


def test_a_half_built_folder_is_removed_and_built_again(cache):
    target = cache / "thing"
    half = cache / "thing.half"
    half.mkdir(parents=True)
    (half / "rest").touch()
    with settings.built(target, gigabytes=0) as folder:
        assert not list(folder.iterdir())
        (folder / "whole").touch()
    assert (target / "whole").exists() and not half.exists()


def test_an_interrupted_build_leaves_no_result(cache):
    target = cache / "thing"
    with pytest.raises(KeyboardInterrupt), settings.built(target, gigabytes=0):
        raise KeyboardInterrupt
    assert not target.exists()


def test_two_builders_build_once(cache):
    built = []

    def build():
        with settings.built(cache / "thing", gigabytes=0) as folder:
            if folder is not None:
                built.append(folder)

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_full_disk_is_named_before_a_heavy_step(tmp_path):
    with pytest.raises(report.Problem) as problem:
        settings.require_space(tmp_path / "not" / "yet", 10**9)
    assert says(problem, "disk is full", "REFERRAL_CACHE")


def test_a_cache_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(report.Problem) as problem:
        settings.writable_folder(tmp_path / "file" / "cache")
    assert says(problem, "cannot be made", "REFERRAL_CACHE")


# --- the machine's packages --------------------------------------------------

DEB822 = """
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def apt_folder(tmp_path, name, text, system="debian"):
    apt = tmp_path / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    (apt / name).write_text(text)
    release = tmp_path / "os-release"
    release.write_text(f'ID={system}\nVERSION_CODENAME="bookworm"\n')
    return apt, release


def test_the_mirror_comes_from_deb822_sources(tmp_path):
    paths = apt_folder(tmp_path, "sources.list.d/debian.sources", DEB822)
    source = machine.debian_source(*paths)
    assert source.line("sid") == (
        "deb [signed-by=/usr/share/keyrings/debian.gpg] "
        "http://mirror.example/debian sid main"
    )


def test_the_mirror_comes_from_one_line_sources(tmp_path):
    text = "# deb http://off.example x main\ndeb http://m.example/d bookworm main x\n"
    source = machine.debian_source(*apt_folder(tmp_path, "sources.list", text))
    assert source.line() == "deb http://m.example/d bookworm main"


def test_another_system_has_no_debian_mirror(tmp_path):
    paths = apt_folder(tmp_path, "sources.list.d/x.sources", DEB822, system="other")
    assert machine.debian_source(*paths) is None


def test_without_rights_the_exact_command_is_said(monkeypatch):
    monkeypatch.setattr(machine, "privilege", lambda: None)
    with pytest.raises(report.Problem) as problem:
        machine.install(["postgresql"], "the database server")
    assert says(problem, "may not install", "apt-get install -y", "postgresql")


def test_what_is_optional_is_only_noted(monkeypatch, capsys):
    monkeypatch.setattr(machine, "privilege", lambda: None)
    assert not machine.install(["wkhtmltopdf"], "printing", mandatory=False)
    assert "apt-get install -y" in capsys.readouterr().err


def test_no_network_is_said_with_a_way_around(monkeypatch, tmp_path):
    def fail(*_args, **_kwargs):
        raise report.Failed(["apt-get"], 100, ["Temporary failure resolving"])

    monkeypatch.setattr(machine, "run", fail)
    source = machine.Source("http://mirror.example/debian", "bookworm")
    with pytest.raises(report.Problem) as problem:
        machine.Downloader(source, tmp_path).update()
    assert says(problem, "does not answer", "check the network", "ODOO_HOME")


# --- Odoo --------------------------------------------------------------------


def odoo_folder(root, version="(19, 0, 0, FINAL, 0, '')"):
    (root / "odoo").mkdir(parents=True)
    (root / "odoo" / "release.py").write_text(f"version_info = {version}\n")
    return root


def test_odoo_home_is_found_in_both_layouts(monkeypatch, tmp_path):
    source = odoo_folder(tmp_path / "source")
    debian = odoo_folder(tmp_path / "debian" / odoo.DEBIAN_FOLDER)
    for named, found in (
        (source, source),
        (source / "odoo", source),
        (tmp_path / "debian", debian),
    ):
        monkeypatch.setenv("ODOO_HOME", str(named))
        assert odoo.find() == found


def test_another_version_of_odoo_is_refused(monkeypatch, tmp_path):
    home = odoo_folder(tmp_path, "(18, 0, 0, FINAL, 0, '')")
    monkeypatch.setenv("ODOO_HOME", str(home))
    with pytest.raises(report.Problem) as problem:
        odoo.find()
    assert says(problem, "holds Odoo 18.0", "19.0")


def test_a_folder_without_odoo_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    with pytest.raises(report.Problem) as problem:
        odoo.find()
    assert says(problem, "holds no Odoo", "unset ODOO_HOME")


def test_a_namespace_folder_named_odoo_is_not_taken_for_odoo(monkeypatch, tmp_path):
    (tmp_path / "odoo" / "addons").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert odoo._importable() is None


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "good").symlink_to(tmp_path)
    (tmp_path / "bad").symlink_to(tmp_path / "nothing")
    assert odoo.dangling_links(tmp_path) == [tmp_path / "bad"]


# --- PostgreSQL --------------------------------------------------------------


@pytest.fixture
def external(monkeypatch):
    """Set the variables that name a server; return the server found by them."""

    def find(**variables):
        for name in (*postgres.VARIABLES, "DATABASE_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return postgres.ExternalServer.from_environment()

    return find


def test_without_variables_there_is_no_external_server(external):
    assert external() is None


def test_a_database_url_names_a_server(external):
    server = external(DATABASE_URL="postgresql://an%40n:s%2Fcret@db.example:6543/x")
    found = (server.host, server.port, server.user, server.password)
    assert found == ("db.example", "6543", "an@n", "s/cret")


def test_an_unreachable_server_is_named_without_its_password(external):
    port = str(front.free_port())
    server = external(PGHOST="127.0.0.1", PGPORT=port, PGUSER="odoo", PGPASSWORD="hush")
    with pytest.raises(report.Problem) as problem:
        server.ensure()
    assert says(problem, f"127.0.0.1:{port}", "PGHOST")
    assert "hush" not in str(problem.value)


def test_the_role_postgres_is_refused_as_odoo_does(external):
    with pytest.raises(report.Problem) as problem:
        external(PGHOST="127.0.0.1", PGUSER="postgres").ensure()
    assert says(problem, "refuses", "createuser")


def test_an_old_server_is_refused(external, monkeypatch):
    server = external(PGHOST="127.0.0.1", PGUSER="odoo")
    monkeypatch.setattr(server, "major", lambda: 12)
    with pytest.raises(report.Problem) as problem:
        server.ensure()
    assert says(problem, "version 12", "13")


def test_a_role_without_the_right_to_create_is_refused(external, monkeypatch):
    server = external(PGHOST="127.0.0.1", PGUSER="odoo")
    monkeypatch.setattr(server, "major", lambda: 15)
    monkeypatch.setattr(server, "query", lambda *_args: [(False,)])
    with pytest.raises(report.Problem) as problem:
        server.ensure()
    assert says(problem, "may not create databases", "CREATEDB")


def test_root_without_the_user_postgres_is_told(monkeypatch):
    def missing(_name):
        raise KeyError

    monkeypatch.setattr(pgprograms.pwd, "getpwnam", missing)
    with pytest.raises(report.Problem) as problem:
        pgprograms._require_postgres_user()
    assert says(problem, "refuses to run as root", "useradd")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its cluster over")
def test_a_cache_the_user_postgres_cannot_enter_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "cluster").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(report.Problem) as problem:
        pgprograms.check_reachable(closed / "cluster")
    assert says(problem, "cannot enter", "REFERRAL_CACHE")


def test_variables_of_another_server_do_not_leak_into_the_private_one(monkeypatch):
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    environment = postgres.Server("/socket").environment()
    assert environment["PGHOST"] == "/socket" and "PGDATABASE" not in environment


# --- databases and serving ---------------------------------------------------


@pytest.mark.parametrize("name", ["Upper", "a b", "x;drop", "-x", ""])
def test_a_name_that_is_none_for_a_database_is_refused(name):
    nobody = types.SimpleNamespace(server=None)
    with pytest.raises(report.Problem) as problem:
        databases.Databases(nobody).create(name)
    assert says(problem, "no name for a database", "make db NAME=")


def test_an_existing_database_is_not_overwritten(monkeypatch):
    some = databases.Databases(types.SimpleNamespace(server=None))
    monkeypatch.setattr(some, "state", lambda _name: {"addons": {}})
    with pytest.raises(report.Problem) as problem:
        some.create("x")
    assert says(problem, "exists already", "FORCE=1")


def test_a_taken_port_is_named_with_its_holder():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(report.Problem) as problem:
            serve.require_port(port)
    assert says(problem, f"Port {port} is taken", f"PORT={port + 1}")


def test_cleaning_is_refused_while_a_server_runs(tmp_path):
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / str(os.getpid())).touch()
    with pytest.raises(report.Problem) as problem:
        clean.refuse_while_serving(tmp_path)
    assert says(problem, "is running", str(os.getpid()))


def test_a_dead_server_does_not_stop_the_cleaning(tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / str(process.pid)).touch()
    assert clean.running_servers(tmp_path) == []


def test_clean_removes_its_own_folder_and_nothing_beside_it(cache):
    checkout = settings.Checkout()
    (checkout.folder("logs") / "x.log").touch()
    (cache / "venv-1").mkdir()
    (cache / "precious").touch()
    clean.clean_checkout(checkout)
    assert not checkout.root.exists() and (cache / "venv-1").exists()
    clean.clean_cache(checkout)
    assert [path.name for path in cache.iterdir()] == ["precious"]


# --- Odoo's log --------------------------------------------------------------


def test_warnings_are_found_unless_they_are_allowed():
    lines = [
        "2026-01-01 00:00:00,000 1 INFO db odoo: fine",
        "2026-01-01 00:00:00,000 1 WARNING db odoo: known",
        "2026-01-01 00:00:00,000 1 ERROR db odoo: new",
    ]
    assert runner.complaints(lines, [("known", "why")]) == [lines[2]]


def test_progress_is_read_from_the_log():
    progress = runner.Progress()
    assert progress("Loading module crm (50/100)") == "module 50/100: crm"
    assert progress("Loading module sale (51/100)") is None


def test_a_failing_program_shows_its_last_lines():
    with pytest.raises(report.Failed) as failure:
        report.run(["sh", "-c", "echo all is lost; exit 3"])
    assert failure.value.code == 3 and "all is lost" in failure.value.tail
