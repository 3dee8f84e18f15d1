r"""Build the chapters: percent scripts in, executed and normalised notebooks out.

    python notebooks/build.py                   every chapter whose script differs from its notebook
    python notebooks/build.py 01 pooling        these chapters, whether they changed or not
    python notebooks/build.py --all             every chapter (after a change in cnnkit that changes outputs)
    python notebooks/build.py --timings         with any of the above: measure the stored timings again
    python notebooks/build.py --check           executes nothing; says which notebooks are out of date

The same scripts and package versions give the same bytes: outputs that hold timings (a tag marks their cells)
are taken from the stored notebook as long as the cell is unchanged. A chapter that raises, warns on stderr,
shows something random or breaks the rhythm of the course is not written; the message names its cell.

A quote whose first line names a kind becomes a box:

    > [!INTERVIEW] optional title        also [!MISTAKE], [!FRAMEWORKS] and [!SAY] (folded away)
    > Text with **Markdown** and $\LaTeX$.
"""

import argparse
import base64
import hashlib
import html
import io
import os
import re
import sys
import tempfile
import textwrap
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

HERE = Path(__file__).resolve().parent
MAX_BYTES = 1_000_000
MAX_CODE_LINES = 20
MAX_CODE_CELLS_IN_A_ROW = 3
MIN_ALT_CHARACTERS, MAX_ALT_CHARACTERS = 20, 400
CELL_TIMEOUT_SECONDS = 600
MAX_COLOUR_ERROR = 4  # levels of 255
TIMING_TAG = "nbval-ignore-output"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# No versions and no machine: they would change the bytes without changing the chapter.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}
# Addresses and UUIDs differ on every run; nbval would compare them, and a learner gains nothing from them.
RANDOM_TEXT = re.compile(
    r"\bat 0x[0-9a-f]{6,}|\bIPY_MODEL_\w+|\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-"
)
TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


_indent = partial(textwrap.indent, prefix="    ")


class BuildError(Exception):
    """A chapter cannot be built; the message names the chapter, the cell and the reason."""


class Box(NamedTuple):
    """How one kind of box looks: the icon and the name carry the meaning where colours are stripped."""

    icon: str
    name: str
    rgb: str


# Colours of Okabe and Ito: told apart by colour-blind readers. The faint fill works on light and dark themes.
BOXES = {
    "INTERVIEW": Box("★", "Interview note", "0, 114, 178"),
    "MISTAKE": Box("⚠", "Common mistake", "213, 94, 0"),
    "FRAMEWORKS": Box("⇄", "Frameworks differ", "204, 121, 167"),
    "SAY": Box("❝", "Say it in 30 seconds", "0, 158, 115"),
}
BOX_HEAD = re.compile(r"> ?\[!(\w+)\]\s*(.*)")


def expand_boxes(markdown: str) -> str:
    """Replace every quote that starts with ``[!KIND]`` by the markup of that box.

    Raises BuildError for an unknown kind and for a box without text.
    """
    done: list[str] = []
    lines = markdown.splitlines()
    while lines:
        head = BOX_HEAD.fullmatch(lines[0])
        if head is None:
            done.append(lines.pop(0))
            continue
        lines.pop(0)
        body: list[str] = []
        while lines and lines[0].startswith(">") and not BOX_HEAD.fullmatch(lines[0]):
            body.append(lines.pop(0).removeprefix(">").removeprefix(" "))
        done.append(_box_markup(head[1], head[2].strip(), "\n".join(body).strip()))
        if lines and lines[0].strip():
            done.append("")  # else the next line would be read as HTML
    return "\n".join(done)


def _box_markup(kind: str, title: str, body: str) -> str:
    if kind not in BOXES:
        raise BuildError(f"unknown box [!{kind}]; the kinds are {', '.join(BOXES)}")
    if not body:
        raise BuildError(
            f"box [!{kind}] has no text: write it on the following lines, each starting with '> '"
        )
    box = BOXES[kind]
    style = (
        f"border: 1px solid rgba({box.rgb}, 0.5); border-left: 6px solid rgb({box.rgb}); border-radius: 4px; "
        f"background: rgba({box.rgb}, 0.1); margin: 1em 0; padding: 0.6em 1em 0.2em"
    )
    # The blank lines end the HTML block, so that Markdown and LaTeX inside the box are rendered.
    if kind == "SAY":
        name = f"<b>{box.icon} {box.name}</b>" + (f": {html.escape(title, quote=False)}" if title else "")
        summary = f'<summary style="margin-bottom: 0.6em">{name}</summary>'
        return f'<details style="{style}">\n{summary}\n\n{body}\n\n</details>'
    name = f"**{box.icon} {box.name}**" + (f": {title}" if title else "")
    return f'<blockquote style="{style}">\n\n{name}\n\n{body}\n\n</blockquote>'


def load_chapter(source: Path) -> nbformat.NotebookNode:
    """Read a percent script into a notebook without outputs: stable ids, boxes expanded, rules checked.

    A cell's id is a hash of its kind and text, so an unchanged cell keeps its id wherever it moves.
    """
    script = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    chapter = nbformat.v4.new_notebook(metadata=METADATA)
    seen: Counter[str] = Counter()
    for number, cell in enumerate(script.cells, start=1):
        where = f"{source.stem}, cell {number}"
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        tags = cell.metadata.get("tags", [])
        new_cell = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        try:
            text = cell.source if cell.cell_type == "code" else expand_boxes(cell.source)
            _check_cell(cell, tags)
        except BuildError as error:
            raise BuildError(f"{where}: {error}\n{_indent(cell.source)}") from None
        cell_id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        chapter.cells.append(new_cell(text, id=cell_id, metadata={"tags": tags} if tags else {}))
    _check_code_runs(chapter, source.stem)
    return chapter


def _check_cell(cell: nbformat.NotebookNode, tags: list[str]) -> None:
    if cell.cell_type not in ("code", "markdown"):
        raise BuildError(f"a {cell.cell_type} cell; write code or [markdown]")
    if not cell.source.strip():
        raise BuildError(f"an empty {cell.cell_type} cell")
    if set(tags) - ({TIMING_TAG} if cell.cell_type == "code" else set()):
        raise BuildError(f"tags {tags}; only {TIMING_TAG!r} on a code cell that shows timings is allowed")
    lines = len(cell.source.splitlines())
    if cell.cell_type == "code" and lines > MAX_CODE_LINES:
        raise BuildError(f"a code cell of {lines} lines; at most {MAX_CODE_LINES}, helpers belong in cnnkit")


def _check_code_runs(chapter: nbformat.NotebookNode, name: str) -> None:
    run = 0
    for number, cell in enumerate(chapter.cells, start=1):
        run = run + 1 if cell.cell_type == "code" else 0
        if run > MAX_CODE_CELLS_IN_A_ROW:
            raise BuildError(
                f"{name}, cell {number}: more than {MAX_CODE_CELLS_IN_A_ROW} code cells in a row; "
                f"say in words what comes next\n{_indent(cell.source)}"
            )


def execute(chapter: nbformat.NotebookNode, name: str, folder: Path) -> None:
    """Run every code cell of the chapter in ``folder`` and store the outputs in place.

    Raises BuildError for the first cell that raises, hangs or writes to stderr.
    """
    client = NotebookClient(
        chapter,
        timeout=CELL_TIMEOUT_SECONDS,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.reset_execution_trackers()
    # An empty store: a maintainer's own progress must not reach a committed notebook.
    with tempfile.TemporaryDirectory() as home, client.setup_kernel(env={**os.environ, "CNNKIT_HOME": home}):
        for index, cell in enumerate(chapter.cells):
            if cell.cell_type == "code":
                _execute_cell(client, cell, index, name)
            if TIMING_TAG in cell.metadata.get("tags", []):
                _hide_folders(cell.outputs, {home: "…", f"{HERE.parent}{os.sep}": ""})


def _execute_cell(client: NotebookClient, cell: nbformat.NotebookNode, index: int, name: str) -> None:
    where = f"{name}, cell {index + 1}"
    try:
        client.execute_cell(cell, index)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BuildError(f"{where}: {TERMINAL_COLOUR.sub('', str(error))}") from None
    warnings = [out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stderr"]
    if warnings:
        raise BuildError(f"{where} writes to stderr:\n{_indent(cell.source)}\n{_indent(''.join(warnings))}")


def _hide_folders(outputs: list[nbformat.NotebookNode], folders: dict[str, str]) -> None:
    """Drop what a cell that nbval does not compare says about the folders of this machine."""
    for output in outputs:
        texts = output if output.output_type == "stream" else output.data
        for kind in [kind for kind in texts if kind.startswith("text")]:
            for folder, instead in folders.items():
                texts[kind] = texts[kind].replace(folder, instead)


def normalise(chapter: nbformat.NotebookNode, name: str) -> None:
    """Make the outputs fit for git, in place: no widget views, alt text on every picture, counts 1, 2, 3 ...

    Raises BuildError for an output that differs on every run and for a picture or widget without text twin.
    """
    chapter.metadata = nbformat.from_dict(METADATA)
    code_cells = [cell for cell in chapter.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code_cells, start=1):
        # nbval compares nothing in a cell whose count is null.
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
        try:
            _normalise_outputs(cell.outputs)
        except BuildError as error:
            raise BuildError(f"{name}, code cell {count}: {error}\n{_indent(cell.source)}") from None


def _normalise_outputs(outputs: list[nbformat.NotebookNode]) -> None:
    printed = "".join(out.text for out in outputs if out.output_type == "stream")
    for output in outputs:
        data = output.get("data", {})
        texts = [value for mime, value in data.items() if mime.startswith("text/")]
        if random := RANDOM_TEXT.search("\n".join([output.get("text", ""), *texts])):
            raise BuildError(f"the output holds {random[0]!r}, which every run changes; show a value instead")
        own_text = data.get("text/plain", "").strip()
        twin = printed if own_text.startswith("<") else own_text or printed
        if data.pop(WIDGET_VIEW, None) is not None and not twin:
            raise BuildError("a widget without a text twin; its display bundle must carry text/plain")
        if "image/png" in data:
            data["image/png"] = _with_palette(data["image/png"])
            _set_alt_text(output.metadata.setdefault("image/png", {}), twin)


def _with_palette(png: str) -> str:
    """Return the picture (base64) with at most 256 colours, a third of the bytes, unless one would see it."""
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    if picture.mode == "P" or picture.convert("RGBA").getextrema()[3] != (255, 255):
        return png
    exact = picture.convert("RGB")
    reduced = exact.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    error = np.abs(np.asarray(exact, int) - np.asarray(reduced.convert("RGB"), int))
    if np.percentile(error, 99) > MAX_COLOUR_ERROR:
        return png
    file = io.BytesIO()
    reduced.save(file, "png", optimize=True)
    return min(png, base64.b64encode(file.getvalue()).decode(), key=len)


def _set_alt_text(picture: dict[str, Any], twin: str) -> None:
    words = " ".join(picture.get("alt", twin).split())
    if len(words) < MIN_ALT_CHARACTERS:
        raise BuildError("a picture without a text twin; print a sentence with its key numbers beside it")
    picture["alt"] = textwrap.shorten(words, MAX_ALT_CHARACTERS, placeholder=" …")


def keep_timings(chapter: nbformat.NotebookNode, notebook: Path) -> None:
    """Take the outputs of unchanged timing cells from the stored notebook: git should show real changes."""
    if not notebook.exists():
        return
    stored = {cell.id: cell for cell in nbformat.read(notebook, as_version=4).cells}
    for cell in chapter.cells:
        if TIMING_TAG in cell.metadata.get("tags", []) and cell.id in stored:
            cell.outputs = stored[cell.id].outputs


def render(chapter: nbformat.NotebookNode, name: str) -> str:
    """Return the notebook file's text, or raise BuildError when it is over 1 MB."""
    nbformat.validate(chapter)
    text: str = nbformat.writes(chapter).rstrip("\n") + "\n"
    size = len(text.encode())
    if size > MAX_BYTES:
        raise BuildError(
            f"{name}: {size:,} bytes; a notebook stays under {MAX_BYTES:,}, draw fewer or smaller pictures"
        )
    return text


def differences(chapter: nbformat.NotebookNode, notebook: Path) -> list[str]:
    """Say where a stored notebook's cells differ from those that its script gives; empty when they agree."""
    if not notebook.exists():
        return [f"{notebook.name} is not built"]
    stored = nbformat.read(notebook, as_version=4)
    wanted, found = _essence(chapter), _essence(stored)
    if len(wanted) != len(found):
        return [f"{notebook.name} has {len(found)} cells, its script gives {len(wanted)}"]
    return [
        f"{notebook.name}, cell {number} differs from its script:\n{_indent(want[2])}"
        for number, (want, have) in enumerate(zip(wanted, found, strict=True), start=1)
        if want != have
    ]


def _essence(chapter: nbformat.NotebookNode) -> list[tuple[str, str, str, list[str]]]:
    return [(cell.cell_type, cell.id, cell.source, cell.metadata.get("tags", [])) for cell in chapter.cells]


def build(source: Path, notebook: Path, *, new_timings: bool = False) -> bool:
    """Execute a script and write its notebook if the bytes changed; True if it was written."""
    chapter = load_chapter(source)
    execute(chapter, source.stem, notebook.parent)
    if not new_timings:
        keep_timings(chapter, notebook)
    normalise(chapter, source.stem)
    text = render(chapter, source.stem)
    if notebook.exists() and notebook.read_text(encoding="utf-8") == text:
        return False
    half_written = notebook.with_suffix(".tmp")
    half_written.write_text(text, encoding="utf-8", newline="\n")
    half_written.replace(notebook)
    return True


def _chosen(sources: list[Path], names: list[str]) -> list[Path]:
    """Return the scripts that the names mean: a number, a stem, a part of one, or a path."""
    chosen: list[Path] = []
    for name in names:
        stem = Path(name).stem
        matches = [path for path in sources if path.stem == stem]
        matches = matches or [path for path in sources if stem in path.stem]
        if len(matches) != 1:
            found = ", ".join(path.stem for path in matches or sources)
            raise BuildError(f"{name!r} does not mean one chapter: {found}")
        chosen += matches
    return chosen


def check(sources: list[Path], folder: Path) -> list[str]:
    """Say, without executing anything, which notebooks differ from their scripts, and which have none."""
    problems: list[str] = []
    for source in sources:
        problems += differences(load_chapter(source), folder / f"{source.stem}.ipynb")
    scripts = {path.stem for path in (folder / "src").glob("*.py")}
    orphans = [path for path in sorted(folder.glob("*.ipynb")) if path.stem not in scripts]
    return problems + [f"{path.name} has no script" for path in orphans]


def main(arguments: list[str] | None = None, folder: Path = HERE) -> int:
    """Run the command line on the chapters of ``folder``; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the chapters from notebooks/src.")
    parser.add_argument("names", nargs="*", help="chapters to build, changed or not: 01, pooling, a path")
    parser.add_argument("--all", action="store_true", help="build every chapter")
    parser.add_argument("--timings", action="store_true", help="measure the stored timings again")
    parser.add_argument("--check", action="store_true", help="execute nothing, say what is out of date")
    options = parser.parse_args(arguments)
    sources = sorted((folder / "src").glob("*.py"))
    try:
        chosen = _chosen(sources, options.names) or sources
        if options.check:
            problems = check(chosen, folder)
            print("\n".join(problems) or "scripts and notebooks agree")
            return 1 if problems else 0
        for source in chosen:
            forced = bool(options.names) or options.all or options.timings
            _build_one(source, folder, forced=forced, new_timings=options.timings)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build_one(source: Path, folder: Path, *, forced: bool, new_timings: bool) -> None:
    notebook = folder / f"{source.stem}.ipynb"
    if not forced and not differences(load_chapter(source), notebook):
        print(f"{source.stem}: up to date")
        return
    written = build(source, notebook, new_timings=new_timings)
    print(f"{source.stem}: {'written' if written else 'same bytes'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
