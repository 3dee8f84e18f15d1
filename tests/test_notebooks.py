"""The chapters as committed: they agree with their scripts, nbval checks them, and they keep the rhythm."""

import ast
import json
import re
import shutil
import statistics
from itertools import groupby

import nbformat
import pytest
from builder import NOTEBOOKS, build

# Cells whose output is measured on the machine that runs them, so nbval cannot compare it.
TIMING_CELLS = {"00_start_here": 1, "01_convolution": 1, "08_parallel_engine": 10}

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LESSONS = [path for path in PATHS if path.stem != "00_start_here"]
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)

# What would tie a chapter to one machine. Links in the text are welcome, outputs have no reason to hold any.
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:home|root|tmp|usr|opt|work|var|Users)/|[A-Z]:\\\\|site-packages|localhost|127\.0\.0\.1"
)
REMOTE_PICTURE = re.compile(
    r"!\[[^\]]*\]\(\s*(?:https?:)?//|<(?:img|script|link|iframe)\b[^>]*//", re.IGNORECASE
)
ESCAPES = re.compile(
    r"^\s*[!%]{1,2}\s*(?:pip|conda|cd|sh|bash|script)\b|^\s*!|\bchdir\(|sys\.path|NBVAL|PYTEST_VALIDATE", re.M
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def markdown_of(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def outputs_of(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def calls_of(path, name):
    trees = (ast.parse(cell.source) for cell in code_cells(path))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [node for node in nodes if isinstance(node.func, ast.Name) and node.func.id == name]


# ---- scripts and notebooks


def test_the_first_chapters_are_there():
    assert [path.stem for path in PATHS][:2] == ["00_start_here", "01_convolution"]


def test_scripts_and_notebooks_agree(capsys):
    assert build.main(["--check"]) == 0, capsys.readouterr().out


def test_building_again_gives_the_same_bytes(tmp_path):
    # Chapter 01 has all that could differ: widgets, pictures, drills, a timing. Nothing in it is trained.
    stored = NOTEBOOKS / "01_convolution.ipynb"
    copy = tmp_path / stored.name
    shutil.copy(stored, copy)
    build.build(NOTEBOOKS / "src" / "01_convolution.py", copy)
    assert copy.read_bytes() == stored.read_bytes()


# ---- what nbval compares


@every_notebook
def test_every_code_cell_ran_once_from_top_to_bottom(path):
    # A null count would switch nbval's comparison off.
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        results = [output for output in cell.outputs if output.output_type == "execute_result"]
        assert all(output.execution_count == cell.execution_count for output in results)


@every_notebook
def test_only_timing_cells_are_exempt_and_they_are_counted(path):
    tags = [tag for cell in read(path).cells for tag in cell.metadata.get("tags", [])]
    assert tags == [build.TIMING_TAG] * TIMING_CELLS.get(path.stem, 0)


@every_notebook
def test_no_widget_state_no_errors_and_nothing_that_nbval_would_skip(path):
    notebook = read(path)
    assert notebook.metadata == build.METADATA
    assert "jupyter.widget" not in path.read_text(encoding="utf-8")
    streams = [output for output in outputs_of(path) if output.output_type == "stream"]
    assert all(output.name == "stdout" for output in streams)
    # nbval drops what stands before a carriage return.
    assert not any("\r" in output.text for output in streams)
    assert all(output.output_type != "error" for output in outputs_of(path))


@every_notebook
def test_every_picture_has_alternative_text_and_numbers_that_nbval_compares(path):
    for cell in code_cells(path):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert all(
            len(output.metadata["image/png"]["alt"]) >= build.MIN_ALT_CHARACTERS for output in pictures
        )
        texts = [
            output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in cell.outputs
        ]
        if pictures:
            assert any(re.search(r"\d", re.sub(r"<Figure.*?>", "", text)) for text in texts), cell.source


@every_notebook
def test_a_chapter_holds_nothing_of_the_machine_that_built_it(path):
    text = path.read_text(encoding="utf-8")
    assert MACHINE.search(text) is None
    texts = [output.get("text", "") + json.dumps(output.get("data", {})) for output in outputs_of(path)]
    assert not any(re.search("https?://", text) for text in texts)
    assert REMOTE_PICTURE.search(markdown_of(path)) is None


@every_notebook
def test_a_notebook_stays_under_a_megabyte(path):
    assert path.stat().st_size < build.MAX_BYTES


# ---- rhythm


@every_notebook
def test_code_cells_are_short_and_stand_between_words(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert statistics.median(lengths) <= 5
    assert max(lengths) <= 20
    runs = [
        len(list(run))
        for kind, run in groupby(read(path).cells, key=lambda cell: cell.cell_type)
        if kind == "code"
    ]
    assert max(runs) <= 3


@every_notebook
def test_imports_stand_in_one_short_cell(path):
    importing = [
        cell
        for cell in code_cells(path)
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(cell.source)))
    ]
    assert len(importing) == 1
    assert importing[0] is not None
    assert importing[0].execution_count == 1
    assert len(importing[0].source.splitlines()) <= 12


@every_notebook
def test_cells_install_nothing_change_no_directory_and_hide_nothing_from_nbval(path):
    for cell in code_cells(path):
        assert ESCAPES.search(cell.source) is None, cell.source


@every_lesson
def test_a_lesson_says_what_it_answers_how_long_it_takes_and_what_it_builds_on(path):
    opening = read(path).cells[0].source
    assert re.match(rf"# Chapter {path.stem[:2]}\b", opening)
    for promise in ("**After this chapter you can answer**", "**Time**", "**Builds on**"):
        assert promise in opening
    questions = re.findall(r"^\d\. ", opening, re.MULTILINE)
    assert 3 <= len(questions) <= 6


@every_lesson
def test_a_lesson_ends_with_recap_and_sources(path):
    headings = re.findall(r"^## (.+)", markdown_of(path), re.MULTILINE)
    assert "Recap" in headings
    assert headings[-1] == "Sources"
    assert headings.index("Recap") < headings.index("Sources")


@every_lesson
def test_a_lesson_asks_at_least_ten_different_drills(path):
    asked = [ast.literal_eval(call.args[0]) for call in calls_of(path, "drill")]
    assert len(set(asked)) == len(asked) >= 10


@every_lesson
def test_every_kind_of_box_is_used(path):
    text = markdown_of(path)
    assert [kind for kind, box in build.BOXES.items() if f"{box.icon} {box.name}" not in text] == []
