"""The notebook builder on made scripts: boxes, ids, rules, and outputs that nbval really compares."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from builder import build
from PIL import Image

CHAPTER = """
# %% [markdown]
# # A made chapter

# %%
import os
import time

import ipywidgets

# %%
6 * 7

# %%
ipywidgets.IntSlider(value=3, max=10)

# %% [markdown]
# The next cell takes time.

# %% tags=["nbval-ignore-output"]
print(f"{time.perf_counter():.9f} s, store in {os.environ['CNNKIT_HOME']}")
"""


def write_script(folder: Path, text: str, name: str = "01_made") -> Path:
    path = folder / "src" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.lstrip())
    return path


def load(folder: Path, *cells: str) -> nbformat.NotebookNode:
    return build.load_chapter(write_script(folder, "\n\n".join(cells)))


def output_of(data: dict[str, str], **metadata) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


def encoded(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


PICTURE = encoded(Image.new("RGB", (4, 3), "orange"))


def normalised(*outputs: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    cell = nbformat.v4.new_code_cell("...", outputs=list(outputs))
    build.normalise(nbformat.v4.new_notebook(cells=[cell]), "made")
    return cell.outputs


# ---- boxes


@pytest.mark.parametrize("kind", ["INTERVIEW", "MISTAKE", "FRAMEWORKS"])
def test_a_box_names_its_kind_and_leaves_markdown_to_the_renderer(kind):
    text = build.expand_boxes(
        f"Before.\n\n> [!{kind}] a $3\\times 3$ title\n> **bold**\n>\n> $$x^2$$\n\nAfter."
    )
    box = build.BOXES[kind]
    assert (
        f"\n\n**{box.icon} {box.name}**: a $3\\times 3$ title\n\n**bold**\n\n$$x^2$$\n\n</blockquote>" in text
    )
    assert text.startswith("Before.\n\n<blockquote style=")
    assert text.endswith("</blockquote>\n\nAfter.")


def test_the_spoken_answer_is_folded_and_its_title_is_html():
    text = build.expand_boxes("> [!SAY] is 2 < 3?\n> Yes.")
    assert text.startswith("<details style=")
    assert "<b>❝ Say it in 30 seconds</b>: is 2 &lt; 3?</summary>\n\nYes.\n\n</details>" in text
    assert " open" not in text


def test_boxes_differ_in_icon_name_and_colour():
    for looks in zip(*build.BOXES.values(), strict=True):
        assert len(set(looks)) == 4


def test_two_boxes_in_one_quote_stay_two_and_text_right_after_one_is_markdown():
    text = build.expand_boxes("> [!SAY]\n> one\n> [!MISTAKE]\n> two\n*three*")
    assert text.count("</details>") == text.count("</blockquote>") == 1
    assert text.endswith("</blockquote>\n\n*three*")


def test_an_ordinary_quote_stays_as_it_is():
    assert build.expand_boxes("> Said by *somebody*.") == "> Said by *somebody*."


def test_code_inside_a_box_keeps_its_indentation():
    assert "\n```python\nif x:\n    y()\n```\n" in build.expand_boxes(
        "> [!MISTAKE]\n> ```python\n> if x:\n>     y()\n> ```"
    )


@pytest.mark.parametrize(
    ("box", "message"), [("> [!NOTE]\n> text", "unknown box"), ("> [!SAY] title only", "has no text")]
)
def test_a_wrong_box_is_refused_with_its_cell(tmp_path, box, message):
    quoted = "\n".join(f"# {line}" for line in box.splitlines())
    with pytest.raises(build.BuildError, match=f"01_made, cell 2: .*{message}"):
        load(tmp_path, "# %% [markdown]\n# Text", f"# %% [markdown]\n{quoted}")


# ---- cells and rules


def test_an_inserted_cell_leaves_all_other_ids_alone(tmp_path):
    cells = [
        "# %% [markdown]\n# Text",
        "# %%\nx = 1",
        "# %%\nx = 1",
        "# %% [markdown]\n# > [!SAY]\n# > Aloud.",
    ]
    before = [cell.id for cell in load(tmp_path, *cells).cells]
    after = [cell.id for cell in load(tmp_path, *cells[:1], "# %%\nnew = 1", *cells[1:]).cells]
    assert len(set(before)) == 4
    assert [*after[:1], *after[2:]] == before
    assert after[1] not in before


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["# %%\n" + "x = 1\n" * 21], "cell 1: a code cell of 21 lines"),
        (["# %%\nx = 1"] * 4, "cell 4: more than 3 code cells in a row"),
        (["# %%\nx = 1", "# %% [markdown]"], "cell 2: an empty markdown cell"),
        (["# %% [raw]\n# text"], "cell 1: a raw cell"),
        (['# %% tags=["nbval-skip"]\nx = 1'], "cell 1: tags"),
        (['# %% [markdown] tags=["nbval-ignore-output"]\n# text'], "cell 1: tags"),
    ],
)
def test_a_cell_that_breaks_the_rhythm_is_refused(tmp_path, cells, message):
    with pytest.raises(build.BuildError, match=f"01_made, {message}"):
        load(tmp_path, *cells)


def test_twenty_lines_and_three_code_cells_in_a_row_are_allowed(tmp_path):
    chapter = load(tmp_path, *["# %%\n" + "x = 1\n" * 20] * 3, "# %% [markdown]\n# Text", "# %%\nx = 1")
    assert len(chapter.cells) == 5


# ---- outputs


def test_a_picture_gets_its_text_twin_as_alternative_text():
    sentence = "The sum over the window is 42."
    (with_twin,) = normalised(output_of({"image/png": PICTURE, "text/plain": sentence}))
    printed, picture = normalised(
        nbformat.v4.new_output("stream", text=f"{sentence}\n"),
        output_of({"image/png": PICTURE, "text/plain": "<Figure size 640x480 with 1 Axes>"}),
    )
    (own,) = normalised(
        output_of({"image/png": PICTURE, "text/plain": "<Image>"}, **{"image/png": {"alt": sentence}})
    )
    for output in (with_twin, picture, own):
        assert output.metadata["image/png"]["alt"] == sentence
    assert printed.text == f"{sentence}\n"


def test_a_long_twin_is_shortened_in_the_alternative_text_only():
    (output,) = normalised(output_of({"image/png": PICTURE, "text/plain": "word " * 200}))
    alt = output.metadata["image/png"]["alt"]
    assert build.MAX_ALT_CHARACTERS - 10 < len(alt) <= build.MAX_ALT_CHARACTERS
    assert alt.endswith("word …")
    assert output.data["text/plain"] == "word " * 200


def test_the_widget_view_goes_and_its_twins_stay():
    (output,) = normalised(
        output_of(
            {
                build.WIDGET_VIEW: {"model_id": "1"},
                "image/png": PICTURE,
                "text/plain": "y[0, 0] = 1 · 2 = 2, in all",
            }
        )
    )
    assert set(output.data) == {"image/png", "text/plain"}


def test_pictures_of_few_colours_shrink_and_others_stay_exact():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 200 * 300).reshape(200, 300) + rng.normal(0, 3, (200, 300))
    grey = encoded(Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8)).convert("RGBA"))
    noise = encoded(Image.fromarray(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)))
    clear = encoded(Image.new("RGBA", (300, 200), (255, 0, 0, 100)))
    twin = {"text/plain": "a sentence that describes it"}
    outputs = normalised(*(output_of({"image/png": png, **twin}) for png in (grey, noise, clear)))
    small, *kept = (output.data["image/png"] for output in outputs)
    assert kept == [noise, clear]
    assert len(small) < 0.9 * len(grey)
    seen, wanted = (Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB") for png in (small, grey))
    assert np.abs(np.asarray(seen, int) - np.asarray(wanted, int)).max() <= build.MAX_COLOUR_ERROR
    assert normalised(output_of({"image/png": small, **twin}))[0].data["image/png"] == small


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"image/png": PICTURE, "text/plain": "<Figure size 640x480>"}, "picture without a text twin"),
        ({build.WIDGET_VIEW: {}, "text/plain": ""}, "widget without a text twin"),
        ({"text/plain": "<cnnkit.layers.Conv2D object at 0x7f2b0c1d2e3f>"}, "at 0x7f2b0c1d2e3f"),
        ({"text/html": "<i id=9b2f6c1e-8a17-4d7b-9a3e-1f0c2d3e4f5a>"}, "9b2f6c1e-8a17"),
    ],
)
def test_an_output_that_would_not_last_is_refused(data, message):
    with pytest.raises(build.BuildError, match=f"made, code cell 1: .*{message}"):
        normalised(output_of(data))


def test_a_notebook_over_a_megabyte_is_refused():
    chapter = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x" * build.MAX_BYTES)])
    with pytest.raises(build.BuildError, match="stays under 1,000,000"):
        build.render(chapter, "made")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\nwarnings.warn('made')", "writes to stderr(.|\n)*made"),
    ],
)
def test_a_cell_that_raises_or_warns_stops_the_build_and_writes_nothing(tmp_path, code, message):
    source = write_script(tmp_path, f"# %%\nx = 1\n\n# %%\n{code}\n")
    with pytest.raises(build.BuildError, match=f"01_made, cell 2(.|\n)*{message}"):
        build.build(source, tmp_path / "01_made.ipynb")
    assert not (tmp_path / "01_made.ipynb").exists()


# ---- the command line, and nbval on what it wrote


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("chapters")
    write_script(folder, CHAPTER)
    assert build.main([], folder) == 0
    return folder


def test_building_again_gives_the_same_bytes_timings_included(built, capsys):
    notebook = built / "01_made.ipynb"
    before = notebook.read_bytes()
    assert build.main(["made"], built) == 0
    assert "same bytes" in capsys.readouterr().out
    assert notebook.read_bytes() == before
    assert build.main([], built) == 0
    assert "up to date" in capsys.readouterr().out


def test_timings_are_measured_again_on_request(built, tmp_path):
    notebook = tmp_path / "01_made.ipynb"
    notebook.write_bytes((built / "01_made.ipynb").read_bytes())
    assert build.build(built / "src" / "01_made.py", notebook, new_timings=True)
    old, new = (nbformat.read(path, as_version=4).cells for path in (built / "01_made.ipynb", notebook))
    assert [a.outputs == b.outputs for a, b in zip(old, new, strict=True) if a.cell_type == "code"] == [
        *[True] * 3,
        False,
    ]


def test_what_is_written_holds_counts_and_no_widget_view_and_no_machine(built):
    notebook = nbformat.read(built / "01_made.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[2].outputs[0].data == {"text/plain": "IntSlider(value=3, max=10)"}
    assert re.fullmatch(r"[\d.]+ s, store in …\n", code[3].outputs[0].text)
    assert notebook.metadata == build.METADATA
    assert [cell.metadata for cell in code] == [{}, {}, {}, {"tags": [build.TIMING_TAG]}]


def test_check_names_the_cell_that_differs_and_the_notebook_without_a_script(built, tmp_path, capsys):
    write_script(tmp_path, CHAPTER.replace("6 * 7", "6 * 8"))
    for name in ("01_made.ipynb", "02_orphan.ipynb"):
        (tmp_path / name).write_bytes((built / "01_made.ipynb").read_bytes())
    assert build.main(["--check"], built) == 0
    assert build.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().out
    assert "01_made.ipynb, cell 3 differs from its script:\n    6 * 8" in said
    assert "02_orphan.ipynb has no script" in said


def test_an_unknown_name_is_refused(built, capsys):
    assert build.main(["99"], built) == 1
    assert "'99' does not mean one chapter: 01_made" in capsys.readouterr().err


def test_nbval_compares_numbers_and_widget_twins_but_no_timings(built, tmp_path):
    changed = (built / "01_made.ipynb").read_text().replace('"42"', '"43"')
    (tmp_path / "made.ipynb").write_text(changed.replace('"IntSlider(value=3', '"IntSlider(value=4'))
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    said = subprocess.run([*command, "made.ipynb"], capture_output=True, text=True, cwd=tmp_path).stdout
    assert "'43' == '42'" in said
    assert "'IntSlider(value=4, max=10)' == 'IntSlider(value=3, max=10)'" in said
    assert "2 failed, 2 passed" in said
