"""Translations: term lists (.pot) that are fresh, and .po files that are complete."""

import re
import tempfile
from pathlib import Path

import polib

LANGUAGE = "zh_CN"
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sdf]|\{\w*\}")
VOLATILE = ("POT-Creation-Date", "PO-Revision-Date", "Last-Translator", "Language-Team")
EXPORT = """
from odoo.tools.translate import trans_export
for addon in {addons!r}:
    with open({folder!r} + "/" + addon + ".pot", "wb") as target:
        trans_export(None, [addon], target, "po", env)
"""


def export_terms(runner, database, addons, folder):
    """Write the term lists of the addons, as a database knows them, into a folder."""
    text = EXPORT.format(addons=list(addons), folder=str(folder))
    runner.script(database, text)


def term_file(repo, addon):
    return repo / addon / "i18n" / f"{addon}.pot"


def translation_file(repo, addon):
    return repo / addon / "i18n" / f"{LANGUAGE}.po"


def refresh(runner, database, addons):
    """Write every addon's .pot from a database and merge it into its translation."""
    repo = runner.checkout.repo
    with tempfile.TemporaryDirectory() as folder:
        export_terms(runner, database, addons, folder)
        for addon in addons:
            exported = Path(folder) / f"{addon}.pot"
            if exported.exists() and exported.stat().st_size:
                _merge(repo, addon, _steady(polib.pofile(str(exported))))


def _steady(terms):
    """Return a term list without the dates and names that change on every export."""
    for name in VOLATILE:
        terms.metadata.pop(name, None)
    return terms


def _merge(repo, addon, terms):
    target = term_file(repo, addon)
    target.parent.mkdir(exist_ok=True)
    terms.save(str(target))
    path = translation_file(repo, addon)
    if path.exists():
        translation = _steady(polib.pofile(str(path)))
    else:
        translation = polib.POFile()
        translation.metadata = {**terms.metadata, "Language": LANGUAGE}
    translation.merge(terms)
    for entry in translation.obsolete_entries():
        translation.remove(entry)
    for entry in translation.fuzzy_entries():
        entry.flags.remove("fuzzy")
    translation.save(str(path))


def stale_terms(runner, database, addons):
    """Return complaints about term lists that differ from what a database exports."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        export_terms(runner, database, addons, folder)
        for addon in addons:
            exported = Path(folder) / f"{addon}.pot"
            fresh = _terms(exported) if exported.exists() else set()
            path = term_file(runner.checkout.repo, addon)
            known = _terms(path) if path.exists() else set()
            missing, extra = sorted(fresh - known)[:5], sorted(known - fresh)[:5]
            if missing or extra:
                problems.append(
                    f"{addon}: the term list is stale, run make pot "
                    f"(new: {missing}, gone: {extra})"
                )
    return problems


def _terms(path):
    if not path.stat().st_size:
        return set()
    return {entry.msgid for entry in polib.pofile(str(path)) if not entry.obsolete}


def incomplete_translations(repo, addons):
    """Return complaints about translations: missing, fuzzy, left over, or broken."""
    problems = []
    for addon in addons:
        terms, path = term_file(repo, addon), translation_file(repo, addon)
        if not terms.exists() or not path.exists():
            problems.append(f"{addon}: no term list or no {LANGUAGE}.po, run make pot")
            continue
        known = _terms(terms)
        translation = polib.pofile(str(path))
        for problem in _entry_problems(translation, known):
            problems.append(f"{path.relative_to(repo)}: {problem}")
    return problems


def _entry_problems(translation, known):
    translated = set()
    for entry in translation:
        if entry.obsolete:
            yield f"obsolete: {entry.msgid[:60]!r}"
            continue
        translated.add(entry.msgid)
        if entry.msgid not in known:
            yield f"not in the term list: {entry.msgid[:60]!r}"
        elif entry.fuzzy:
            yield f"fuzzy: {entry.msgid[:60]!r}"
        elif not entry.msgstr:
            yield f"not translated: {entry.msgid[:60]!r}"
        elif placeholders(entry.msgid) != placeholders(entry.msgstr):
            yield f"placeholders differ: {entry.msgid[:60]!r}"
    for msgid in sorted(known - translated):
        yield f"missing: {msgid[:60]!r}"


def placeholders(text):
    """Return the sorted placeholders of a message.

    >>> placeholders("%(name)s has {count} of %s")
    ['%(name)s', '%s', '{count}']
    """
    return sorted(PLACEHOLDER.findall(text))
