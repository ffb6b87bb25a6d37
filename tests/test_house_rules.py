"""The checks: test selection and summary, tidy's rules, translations."""

import pytest

import tidy
from house import po, quality, testing

LONG = tidy.FUNCTION_LINES + 1


# --- selecting and counting tests --------------------------------------------


def test_arguments_are_split_into_addons_and_black_box(repo):
    (repo / "tests").mkdir()
    (repo / "tests" / "test_a.py").touch()
    selection = testing.Selection(["-k", "x", "tests/test_a.py::test_b"], repo)
    assert selection.options == ["-k", "x"]
    assert selection.black_box_paths == ["tests/test_a.py::test_b"]
    assert selection.addon_paths == []


def test_without_arguments_everything_is_selected(repo):
    (repo / "tests").mkdir()
    (repo / "tests" / "test_a.py").touch()
    (repo / "referral_x" / "pure.py").write_text('"""\n>>> 1\n1\n"""\n')
    selection = testing.Selection([], repo)
    assert selection.addon_paths == ["referral_x/tests", "referral_x/pure.py"]
    assert selection.black_box_paths == ["tests/"] and not selection.narrowed


JUNIT = """<testsuites><testsuite>
<testcase classname="referral_x.tests.test_a.TestA" name="test_1" time="1.5"/>
<testcase classname="referral_x.tests.test_a.TestA" name="test_2" time="0.5">
  <failure message="no"/></testcase>
<testcase classname="tests.test_b" name="test_3" time="1"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_per_addon(tmp_path, capsys):
    path = tmp_path / "report.xml"
    path.write_text(JUNIT)
    parts = testing.read_report(path)
    assert [part.name for part in parts] == ["referral_x", "tests/"]
    assert testing.summarise(parts) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"


def test_nothing_run_is_a_failure(capsys):
    assert testing.summarise([]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"


# --- the rules of the house --------------------------------------------------


def function_of(lines):
    return "def long():\n" + "    x = 1\n" * (lines - 1)


def test_a_long_function_is_found_and_may_only_shrink(repo):
    path = repo / "referral_x" / "long.py"
    path.write_text(function_of(LONG))
    [complaint] = tidy.check(repo)
    assert complaint.startswith(f"referral_x/long.py::long: {LONG} lines")
    ratchet = repo / "tools" / "tidy.json"
    ratchet.write_text(f'{{"referral_x/long.py::long": {LONG}}}')
    assert tidy.check(repo) == []
    path.write_text(function_of(LONG + 1))
    assert len(tidy.check(repo)) == 1
    tidy.update(repo)
    assert str(LONG + 1) not in ratchet.read_text()
    path.write_text(function_of(2))
    tidy.update(repo)
    assert ratchet.read_text() == "{}\n" and tidy.check(repo) == []


def test_a_long_file_is_found(repo):
    (repo / "referral_x" / "long.xml").write_text("<x/>\n" * (tidy.FILE_LINES + 1))
    assert len(tidy.check(repo)) == 1


def test_a_test_file_that_nothing_imports_is_found(repo):
    (repo / "referral_x" / "tests" / "test_dead.py").write_text("")
    [complaint] = tidy.check(repo)
    assert "test_dead.py" in complaint


@pytest.mark.parametrize(
    "word", [*tidy.decode(tidy.UNFINISHED), *tidy.decode(tidy.BANNED)]
)
def test_each_forbidden_word_is_found(repo, word):
    (repo / "referral_x" / "notes.md").write_text(f"one {word} here\n")
    assert len(tidy.check(repo)) == 1


def test_each_path_of_a_machine_is_found(repo):
    for folder in tidy.decode(tidy.PRIVATE_FOLDERS):
        (repo / "referral_x" / "notes.md").write_text(f"see /{folder}somebody\n")
        assert len(tidy.check(repo)) == 1, folder


def test_ordinary_paths_and_words_are_left_alone(repo):
    text = "/usr/bin /web/login https://host.example/home/page {base}/tmp/x\n"
    (repo / "referral_x" / "notes.md").write_text(text)
    assert tidy.check(repo) == []


# --- translations ------------------------------------------------------------


def translations(repo, entries):
    folder = repo / "referral_x" / "i18n"
    folder.mkdir(exist_ok=True)
    terms = "".join(f'msgid "{msgid}"\nmsgstr ""\n\n' for msgid in ("One", "%s two"))
    (folder / "referral_x.pot").write_text(f'msgid ""\nmsgstr ""\n\n{terms}')
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (folder / "zh_CN.po").write_text(header + entries, encoding="utf-8")
    return po.incomplete_translations(repo, ["referral_x"])


COMPLETE = 'msgid "One"\nmsgstr "一"\n\nmsgid "%s two"\nmsgstr "%s 二"\n\n'


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (COMPLETE.replace("一", ""), "not translated"),
        ("#, fuzzy\n" + COMPLETE, "fuzzy"),
        (COMPLETE.replace("%s 二", "二"), "placeholders differ"),
        (COMPLETE.partition("\n\n")[0] + "\n", "missing"),
        (COMPLETE + 'msgid "Old"\nmsgstr "旧"\n', "not in the term list"),
    ],
)
def test_an_incomplete_translation_is_found(repo, entries, complaint):
    assert translations(repo, COMPLETE) == []
    [found] = translations(repo, entries)
    assert complaint in found


def test_a_check_reports_what_a_function_complains_about(capsys):
    assert quality.Check("good", list).run()
    assert not quality.Check("bad", lambda: ["this is wrong"]).run()
    assert "this is wrong" in capsys.readouterr().out
