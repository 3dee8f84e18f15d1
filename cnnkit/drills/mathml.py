r"""LaTeX formulas as MathML, which every current browser draws and screen readers speak without a library.

The notebook's own typesetter cannot be reached from a widget, and nothing may be loaded from the network.
The subset is what the course writes: scripts, fractions, roots, brackets, sums, matrices, aligned lines,
text and symbols. A command outside it is shown by its name; `unknown_commands` finds those.
"""

import re
from html import escape

_TOKEN = re.compile(
    r"\\begin\{(?P<begin>\w+\*?)\}|\\end\{(?P<end>\w+\*?)\}|(?P<command>\\(?:[A-Za-z]+|.))"
    r"|(?P<number>\d+(?:(?:\{,\}|\.)\d+)*)|(?P<space>\s+)|(?P<char>.)",
    re.DOTALL,
)
_OPERATORS = {
    "times": "×", "cdot": "⋅", "div": "÷", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "to": "→", "rightarrow": "→",
    "mapsto": "↦", "Rightarrow": "⇒", "leftarrow": "←", "in": "∈", "notin": "∉", "subset": "⊂", "ast": "∗",
    "star": "⋆", "circ": "∘", "odot": "⊙", "otimes": "⊗", "oplus": "⊕", "lfloor": "⌊", "rfloor": "⌋",
    "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩", "lVert": "‖", "rVert": "‖", "|": "‖",
    "{": "{", "}": "}", "ldots": "…", "dots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱",
    "partial": "∂", "nabla": "∇", "mid": "∣", "propto": "∝", "forall": "∀", "exists": "∃", "ll": "≪",
    "gg": "≫", "cup": "∪", "cap": "∩", "colon": ":",
}  # fmt: skip
_LARGE = {"sum": "∑", "prod": "∏", "int": "∫", "max": "max", "min": "min", "argmax": "arg max", "lim": "lim"}
_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "ell": "ℓ",
    "prime": "′", "hbar": "ℏ",
}  # fmt: skip
_FUNCTIONS = {"log", "ln", "exp", "sin", "cos", "tan", "tanh", "det", "dim", "gcd", "bmod", "mod", "Pr"}
_SPACES = {
    ",": 0.17, ":": 0.22, ";": 0.28, " ": 0.33, "quad": 1.0, "qquad": 2.0, "!": -0.17, "enspace": 0.5,
}  # fmt: skip
_BUILT = {"frac": ("mfrac", 2), "dfrac": ("mfrac", 2), "tfrac": ("mfrac", 2), "sqrt": ("msqrt", 1)}
_UPRIGHT = {"text", "mathrm", "operatorname", "textrm", "mbox"}
_STYLES = {
    "mathbf": "font-weight: bold", "boldsymbol": "font-weight: bold", "textbf": "font-weight: bold",
    "mathtt": "font-family: monospace", "texttt": "font-family: monospace", "mathit": "font-style: italic",
}  # fmt: skip
_ALPHABETS = {
    "mathbb": dict(zip("CENPQRZ", "ℂ𝔼ℕℙℚℝℤ", strict=True)),
    "mathcal": dict(zip("BDEFHLMNORST", "ℬ𝒟ℰℱℋℒℳ𝒩𝒪ℛ𝒮𝒯", strict=True)),
}
_ABOVE = {"hat": "^", "bar": "¯", "overline": "¯", "tilde": "~", "vec": "→", "dot": "˙", "overbrace": "⏞"}
_BELOW = {"underbrace": "⏟", "underline": "_"}
_FENCES = {"pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "matrix": "", "cases": "{", "array": ""}
_LINES = {"aligned", "align", "align*", "split", "gathered"}
_ESCAPED = set("%_#$&")
_SILENT = {"displaystyle", "textstyle", "limits", "nolimits", "big", "Big", "bigl", "bigr", "Bigl", "Bigr"}
_KNOWN = (
    {
        *_OPERATORS,
        *_LARGE,
        *_LETTERS,
        *_FUNCTIONS,
        *_SPACES,
        *_UPRIGHT,
        *_STYLES,
        *_ALPHABETS,
        *_ABOVE,
        *_BELOW,
        *_ESCAPED,
    }
    | _SILENT
    | {*_BUILT, "left", "right", "\\"}
)


def to_mathml(latex: str, *, display: bool = False) -> str:
    """Return a formula as one MathML element; it never raises, a broken formula is shown as it is written."""
    block = ' display="block"' if display else ""
    try:
        body = _Parser(latex).whole()
    except IndexError:  # a command without its argument, a bracket without its end
        body = f"<mtext>{escape(latex)}</mtext>"
    return f"<math{block}>{body}</math>"


def unknown_commands(latex: str) -> set[str]:
    """Return the commands of a formula that this module does not draw."""
    commands = {match["command"][1:] for match in _TOKEN.finditer(latex) if match["command"]}
    environments = {match["begin"] for match in _TOKEN.finditer(latex) if match["begin"]}
    return (commands - _KNOWN) | (environments - _FENCES.keys() - _LINES)


class _Parser:
    """A recursive-descent parser: each method takes tokens off the front and returns MathML."""

    def __init__(self, latex: str) -> None:
        self.tokens = [(m.lastgroup or "", m[m.lastgroup or 0]) for m in _TOKEN.finditer(latex)]
        self.place = 0

    def whole(self) -> str:
        body = self.sequence(set())
        if self.place < len(self.tokens):  # a closing bracket that nothing opened
            raise IndexError
        return _row(body)

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else ("end of text", "")

    def take(self) -> tuple[str, str]:
        self.place += 1
        return self.tokens[self.place - 1]

    def sequence(self, stops: set[str]) -> list[str]:
        """Read until one of ``stops`` (a closing token, which stays) or the end."""
        parts: list[str] = []
        while self.peek()[0] != "end of text" and not self.closes(stops):
            if self.peek()[0] == "space":
                self.take()
            else:
                parts.append(self.scripted())
        return parts

    def closes(self, stops: set[str]) -> bool:
        kind, value = self.peek()
        return kind == "end" or (kind in ("char", "command") and value in stops | {"}"})

    def scripted(self) -> str:
        """Read one atom with its sub- and superscripts."""
        large = self.peek()[0] == "command" and self.peek()[1][1:] in _LARGE.keys() - {"int"}
        base = "<mrow></mrow>" if self.peek()[1] in ("^", "_") else self.atom()
        scripts: dict[str, str] = {}
        while self.peek()[0] == "char" and self.peek()[1] in "^_'":
            mark = self.take()[1]
            if mark == "'":
                scripts["^"] = scripts.get("^", "") + "<mo>′</mo>"
            else:
                scripts[mark] = scripts.get(mark, "") + self.argument()
        below, above = scripts.get("_"), _element("mrow", scripts["^"]) if "^" in scripts else None
        if below and above:
            return _element("munderover" if large else "msubsup", base, below, above)
        if below:
            return _element("munder" if large else "msub", base, below)
        return _element("mover" if large else "msup", base, above) if above else base

    def argument(self) -> str:
        while self.peek()[0] == "space":
            self.take()
        return self.atom()

    def raw_argument(self) -> str:
        """Read a braced argument as the text it is."""
        if self.take()[1] != "{":
            raise IndexError
        text = ""
        while self.peek()[1] != "}":
            value = self.take()[1]
            text += value[1:] if value.startswith("\\") else value
        self.take()
        return text

    def atom(self) -> str:
        kind, value = self.take()
        if kind == "number":
            return f"<mn>{value.replace('{,}', ',')}</mn>"
        if kind == "begin":
            return self.environment(value)
        if kind == "command":
            return self.command(value[1:])
        if value == "{":
            body = self.sequence(set())
            self.close("}")
            return _row(body)
        if value.isalpha():
            return f"<mi>{value}</mi>"
        symbol = {"-": "−", "*": "∗"}.get(value, value)
        stretchy = ' stretchy="false"' if value in "()[]|/" else ""
        return f"<mo{stretchy}>{escape(symbol)}</mo>"

    def command(self, name: str) -> str:
        if name in _LARGE:
            return f'<mo movablelimits="false">{_LARGE[name]}</mo>'
        if name in _OPERATORS:
            fence = ' stretchy="false"' if name.endswith(("floor", "ceil", "angle")) or name in "{}|" else ""
            return f"<mo{fence}>{_OPERATORS[name]}</mo>"
        if name in _LETTERS:
            return f"<mi>{_LETTERS[name]}</mi>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}em"/>'
        if name == "left":
            return self.brackets()
        return "" if name in _SILENT else self.structure(name)

    def structure(self, name: str) -> str:
        if name in _BUILT:
            tag, count = _BUILT[name]
            return _element(tag, *[self.argument() for _ in range(count)])
        if name in _UPRIGHT:
            return f"<mtext>{escape(self.raw_argument()).replace(' ', '&#160;')}</mtext>"
        if name in _STYLES:
            return f'<mtext style="{_STYLES[name]}">{escape(self.raw_argument())}</mtext>'
        if name in _ALPHABETS:
            letters = "".join(_ALPHABETS[name].get(letter, letter) for letter in self.raw_argument())
            return f'<mi mathvariant="normal">{escape(letters)}</mi>'
        if name in _ABOVE:
            return f'<mover accent="true">{self.argument()}<mo>{_ABOVE[name]}</mo></mover>'
        if name in _BELOW:
            return f"<munder>{self.argument()}<mo>{_BELOW[name]}</mo></munder>"
        if name in _FUNCTIONS:
            return f'<mrow><mi>{name}</mi><mspace width="0.17em"/></mrow>'
        return f"<mtext>{escape(name)}</mtext>"

    def brackets(self) -> str:
        opening = self.delimiter()
        body = self.sequence({"\\right"})
        self.close("\\right")
        return f"<mrow>{opening}{_row(body)}{self.delimiter()}</mrow>"

    def delimiter(self) -> str:
        kind, value = self.take()
        symbol = _OPERATORS.get(value[1:], value[1:]) if kind == "command" else value
        return "" if symbol == "." else f'<mo fence="true" stretchy="true">{escape(symbol)}</mo>'

    def close(self, expected: str) -> None:
        if self.take()[1] != expected:
            raise IndexError

    def environment(self, name: str) -> str:
        if name == "array":
            self.raw_argument()  # the column alignment; ours are centred
        rows: list[list[str]] = [[]]
        while self.peek()[0] != "end":
            rows[-1].append(_row(self.sequence({"&", "\\\\"})))
            if self.peek()[0] != "end" and self.take()[1] == "\\\\":
                rows.append([])
        self.take()
        lines = name in _LINES
        cells = [
            "".join(_cell(cell, column, lines) for column, cell in enumerate(row)) for row in rows if any(row)
        ]
        table = f"<mtable>{''.join(f'<mtr>{row}</mtr>' for row in cells)}</mtable>"
        fences = [f'<mo fence="true" stretchy="true">{mark}</mo>' for mark in _FENCES.get(name, "")]
        return f"<mrow>{''.join(fences[:1])}{table}{''.join(fences[1:])}</mrow>"


def _cell(body: str, column: int, lines: bool) -> str:
    if not lines:
        return f"<mtd>{body}</mtd>"
    side = "right" if column % 2 == 0 else "left"
    return f'<mtd style="text-align: {side}; padding-inline: 0.15em">{body}</mtd>'


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _element(name: str, *children: str) -> str:
    return f"<{name}>{''.join(children)}</{name}>"
