"""Markdown with LaTeX as text that a terminal can show and a screen reader can speak."""

import re

_SYMBOLS = {
    r"\times": "×", r"\cdot": "·", r"\lfloor": "floor(", r"\rfloor": ")", r"\lceil": "ceil(", r"\rceil": ")",
    r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\approx": "≈", r"\to": "→", r"\sum": "sum", r"\ldots": "...",
    r"\qquad": "  ",
    r"\alpha": "α", r"\delta": "δ", r"\sigma": "σ", r"\pi": "π", r"\infty": "∞", r"\in": "in", r"\ast": "*",
    r"\star": "⋆", r"\quad": " ", r"\left": "", r"\right": "", r"\,": " ", r"\;": " ", r"\%": "%", r"\_": "_",
}  # fmt: skip
_MATRIX = re.compile(r"\\begin\{[bp]matrix\}(.*?)\\end\{[bp]matrix\}", re.DOTALL)
_PART = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FRACTION = re.compile(r"\\frac" + _PART + _PART)
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|operatorname)\{([^{}]*)\}")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|[,;%_])")
_MATH = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
_FENCE = re.compile(r"(```.*?```)", re.DOTALL)
_WRAPPED_LINE = re.compile(r"(?<=[^\n])\n(?=[^\n\-|])")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|\*)(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL)


def plain_text(markdown: str) -> str:
    r"""Markdown without its marks and with LaTeX written out: `$3 \times 3$` becomes `3 × 3`."""
    pieces = _FENCE.split(markdown)
    return "".join(
        _plain_code(piece) if piece.startswith("```") else _plain_prose(piece) for piece in pieces
    ).strip()


def _plain_code(fence: str) -> str:
    lines = fence.strip("`").split("\n")[1:]  # the first line names the language
    return "\n".join("    " + line for line in lines if line.strip())


def _plain_prose(text: str) -> str:
    text = _WRAPPED_LINE.sub(" ", text)
    text = _MATH.sub(lambda match: _plain_math(match[1] or match[2]), text)
    text = _EMPHASIS.sub(r"\2", text)
    return text.replace("`", "")


def _plain_math(latex: str) -> str:
    latex = _MATRIX.sub(lambda match: _plain_matrix(match[1]), latex)
    latex = _WRAPPED.sub(r"\1", latex.replace("{,}", ","))
    while _FRACTION.search(latex):
        latex = _FRACTION.sub(lambda match: f"{_whole(match[1])}/{_whole(match[2])}", latex)
    latex = _COMMAND.sub(lambda match: _SYMBOLS.get(match[0], match[0].lstrip("\\")), latex)
    return re.sub(r"[{}]", "", latex).replace("( ", "(").replace(" )", ")")


def _whole(part: str) -> str:
    """Return one side of a fraction, in brackets unless it is a single thing."""
    return part if re.fullmatch(r"[\w.^{}]+", part) else f"({part})"


def _plain_matrix(body: str) -> str:
    rows = [[cell.strip() for cell in row.split("&")] for row in body.split(r"\\")]
    width = max(len(cell) for row in rows for cell in row)
    return "\n" + "\n".join("  [" + "  ".join(cell.rjust(width) for cell in row) + "]" for row in rows) + "\n"
