"""The drills' Markdown and LaTeX as HTML and MathML."""

import pytest

from cnnkit.drills import bank
from cnnkit.drills.markup import inline_html, to_html
from cnnkit.drills.mathml import to_mathml, unknown_commands
from cnnkit.drills.plain import plain_text


def test_markdown_becomes_html():
    blocks = ["A **bold** *word* and `co<de`.", "- one\n- two $x^2$", "```python\na < b\n\nc\n```", "$$y$$"]
    html = to_html("\n\n".join(blocks))
    assert "<p>A <strong>bold</strong> <em>word</em> and <code>co&lt;de</code>.</p>" in html
    assert "<ul><li>one</li><li>two <math>" in html
    assert "<pre><code>a &lt; b\n\nc</code></pre>" in html
    assert '<math display="block"><mi>y</mi></math>' in html
    assert "<ol><li>a</li><li>b</li></ol>" in to_html("1. a\n2. b")
    assert '<th scope="col">a</th>' in to_html("| a | b |\n|---|---|\n| 1 | 2 |")
    assert inline_html(r"\$5 and 2*3*4 <i>") == "$5 and 2*3*4 &lt;i&gt;"
    assert inline_html("<b> **a < b**") == "&lt;b&gt; <strong>a &lt; b</strong>"


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        ("x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mrow><mn>2</mn></mrow></msubsup>"),
        ("f'", "<msup><mi>f</mi><mrow><mo>′</mo></mrow></msup>"),
        (r"1{,}626{,}442", "<mn>1,626,442</mn>"),
        (r"\text{in size}", "<mtext>in&#160;size</mtext>"),
        (r"\sqrt{2}", "<msqrt><mn>2</mn></msqrt>"),
        (r"a < b", "<mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi></mrow>"),
    ],
)
def test_formulas_become_mathml(latex, expected):
    assert expected in to_mathml(latex)


def test_brackets_grow_and_matrices_have_rows():
    assert to_mathml(r"\left\lfloor x \right\rfloor").count('stretchy="true"') == 2
    matrix = to_mathml(r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}")
    assert matrix.count("<mtr>") == 2
    assert matrix.count("<mtd>") == 4


BROKEN = [r"\frac{1}", "x}", "{x", r"\left( x", "a_", r"\begin{bmatrix} 1", r"\text{a"]


@pytest.mark.parametrize("latex", BROKEN)
def test_a_broken_formula_is_shown_as_it_is_written(latex):
    assert "<mtext>" in to_mathml(latex)


def test_the_courses_drills_use_only_formulas_that_are_drawn():
    unknown = {}
    for source in bank.all_drills():
        question = source.question(0)
        whys = [choice.text + choice.why for choice in question.choices]
        texts = [question.prompt, question.solution, *question.hints, *question.rubric, *whys]
        found = set().union(*(unknown_commands(piece) for text in texts for piece in text.split("$")[1::2]))
        if found:
            unknown[source.id] = found
        assert "\\" not in plain_text(question.prompt).replace("\\n", ""), source.id
    assert unknown == {}
    assert unknown_commands(r"\frac{1}{2} \wobble \begin{spiral}\end{spiral}") == {"wobble", "spiral"}
