"""The letters of a rollout: which fields they may name, how they are filled in, and that the document shows them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from shutil import copytree

import pytest

from crypto.errors import Refused
from service.desk.rollout_letters import FIELDS, LETTERS, OURS, blank, blanks, fill, load

ROOT = Path(__file__).parents[3]
KNOWN: dict[str, str | None] = {field: f"[{field}]" for field in FIELDS}


def test_ours_use_every_field_and_no_other() -> None:
    """One file for each letter, and nothing that nobody would read."""
    ours = load()
    assert {path.name for path in OURS.iterdir()} == {f"{name}.txt" for name in ours}
    assert list(ours) == list(LETTERS)
    named = {field for text in ours.values() for field in re.findall(r"\{(.*?)\}", text)}
    assert named == set(FIELDS)
    for text in ours.values():
        filled = fill(text, KNOWN)
        assert "{" not in filled
        assert blanks(filled) == blanks(text)


def test_the_document_shows_the_letters_word_for_word() -> None:
    """docs/rollout.md has each under its name, so that the two never part."""
    told = (ROOT / "docs" / "rollout.md").read_text(encoding="utf-8")
    shown = re.findall(r"^## [^\n]*\(`([a-z-]+)`\)\n\n```text\n(.*?)\n```$", told, re.MULTILINE | re.DOTALL)
    assert dict(shown) == load()
    assert [name for name, _ in shown] == list(LETTERS)
    assert set(re.findall(r"^\| `\{([a-z_]+)\}` \|", told, re.MULTILINE)) == set(FIELDS)


def test_the_letters_are_installed() -> None:
    """The wheel, which the image is made of, has them too."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    desk = OURS.parent
    shipped = {path for pattern in data["service.desk"] for path in desk.glob(pattern)}
    assert set(OURS.glob("*.txt")) <= shipped


def test_a_line_about_what_there_is_not_is_left_out() -> None:
    """Where it isn't known it stays, with a mark for a person."""
    letter = "Hello <name>,\n\n{measure}.\nIt ends on {ends}, {measure}.\nBye."
    assert fill(letter, {**KNOWN, "ends": None}) == "Hello <name>,\n\n[measure].\nBye."
    marked = fill(letter, {**KNOWN, "ends": blank("ends")})
    assert marked == "Hello <name>,\n\n[measure].\nIt ends on <day on which it ends>, [measure].\nBye."
    assert blanks(marked) == ["<name>", "<day on which it ends>"]


def test_what_is_put_in_is_no_template_and_steers_no_terminal() -> None:
    """A mediator's words stay words, on their line."""
    values = {**KNOWN, "measure": "{ends} \\1\nOut\x1b[2J\u202e", "ends": None}
    assert fill("a {measure} z\n{ends}", values) == "a {ends} \\1 Out\ufffd[2J\ufffd z"


def test_own_letters_take_the_place_of_ours(tmp_path: Path) -> None:
    """In any language, with what its script needs; other files beside them are nobody's business."""
    copytree(OURS, tmp_path / "own")
    (tmp_path / "own" / "back.txt").write_bytes("\ufeffسلام <name>\r\nمی\u200cخواهیم {group}\n".encode())
    (tmp_path / "own" / "README").write_text("{nothing}")
    own = load(tmp_path / "own")
    assert fill(own["back"], KNOWN) == "سلام <name>\nمی\u200cخواهیم [group]"
    assert {name: text for name, text in own.items() if name != "back"} == {
        name: text for name, text in load().items() if name != "back"
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "systems.txt: a file can't be read"),
        (b"", "systems.txt: it is empty"),
        (b" \n\t\n", "systems.txt: it is empty"),
        (b"\xff\xfe", "systems.txt: it is not UTF-8 text"),
        (b"x" * 16_385, "systems.txt: a file is larger"),
        (b"a\n{victim}", "systems.txt, line 2: there is no field {victim}, only group, "),
        (b"{ ends}", "systems.txt, line 1: there is no field { ends}"),
        (b"{}", "systems.txt, line 1: there is no field {}"),
        (b"{ends", "systems.txt, line 1: a brace"),
        (b"a\n\nends}", "systems.txt, line 3: a brace"),
        (b"{{ends}}", "systems.txt, line 1: a brace"),
        (b"{en\nds}", "systems.txt, line 1: a brace"),
    ],
)
def test_a_letter_that_is_missing_or_wrong_is_named(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """Before anything is printed."""
    copytree(OURS, tmp_path / "own")
    file = tmp_path / "own" / "systems.txt"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        load(tmp_path / "own")
    assert refused.value.reason.startswith(words)
