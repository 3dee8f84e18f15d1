"""The drills' Markdown as HTML for the card: paragraphs, lists, tables, code, emphasis and formulas.

Everything is escaped first, so that text which a learner typed can never become markup.
"""

import re
from collections.abc import Callable
from html import escape

from cnnkit.drills.mathml import to_mathml

_BLOCK = re.compile(
    r"^```(?P<language>\w*)\n(?P<code>[\s\S]*?)^```[ \t]*$|^[ \t]*\$\$(?P<display>[\s\S]+?)\$\$[ \t]*$"
    r"|(?P<list>(?:^[ \t]*(?:[-*]|\d+\.)[ \t]+.+\n?(?:^[ \t]{2,}\S.*\n?)*)+)"
    r"|(?P<table>(?:^\|.*\|[ \t]*\n?){2,})|^(?P<heading>#{1,6})[ \t]+(?P<title>.+)$|(?P<gap>\n[ \t]*\n)",
    re.MULTILINE,
)
_INLINE = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|\$\$(?P<display>.+?)\$\$|\$(?P<math>[^$]+?)\$"
    r"|\*\*(?P<strong>.+?)\*\*|(?<![\w*])\*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])|\\(?P<literal>[$*_`|\\])",
    re.DOTALL,
)
_ITEM = re.compile(r"^[ \t]*(?:[-*]|\d+\.)[ \t]+", re.MULTILINE)
_RULE = re.compile(r"^\|[\s:|-]+\|\s*$")


def to_html(markdown: str) -> str:
    """Return HTML for a drill's prompt, hint, message or solution."""
    parts, place, text = [], 0, markdown.strip() + "\n"
    for match in _BLOCK.finditer(text):
        parts.append(_paragraph(text[place : match.start()]))
        parts.append(_block(match))
        place = match.end()
    parts.append(_paragraph(text[place:]))
    return "\n".join(part for part in parts if part)


def _paragraph(text: str) -> str:
    return f"<p>{inline_html(text.strip())}</p>" if text.strip() else ""


def _block(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return f"<pre><code>{escape(match['code'].rstrip())}</code></pre>"
    if match["display"]:
        return to_mathml(match["display"].strip(), display=True)
    if match["list"]:
        return _list(match["list"])
    if match["table"]:
        return _table(match["table"])
    return f"<p><strong>{inline_html(match['title'])}</strong></p>" if match["heading"] else ""


def _list(text: str) -> str:
    name = "ol" if text.lstrip()[0].isdigit() else "ul"
    items = [inline_html(" ".join(item.split())) for item in _ITEM.split(text) if item.strip()]
    return f"<{name}>{''.join(f'<li>{item}</li>' for item in items)}</{name}>"


def _table(text: str) -> str:
    lines = text.strip().splitlines()
    rows = [_cells(line) for line in lines if not _RULE.match(line)]
    head = "".join(f'<th scope="col">{cell}</th>' for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(line: str) -> list[str]:
    return [inline_html(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def inline_html(text: str) -> str:
    """Return HTML for one run of text without blocks, such as an option of a choice."""
    parts, place = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[place : match.start()]))
        kind = next(
            name for name, value in match.groupdict().items() if value is not None and name != "ticks"
        )
        parts.append(_SPANS[kind](match[kind]))
        place = match.end()
    parts.append(escape(text[place:]))
    return "".join(parts)


_SPANS: dict[str, Callable[[str], str]] = {
    "code": lambda text: f"<code>{escape(text)}</code>",
    "display": lambda text: to_mathml(text, display=True),
    "math": to_mathml,
    "strong": lambda text: f"<strong>{inline_html(text)}</strong>",
    "em": lambda text: f"<em>{inline_html(text)}</em>",
    "literal": escape,
}
