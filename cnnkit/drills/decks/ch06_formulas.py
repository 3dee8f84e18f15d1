"""Chapter 06: formulas to type."""

import math

import numpy as np

from cnnkit import activations
from cnnkit.drills.kinds import FormulaDrill, Misconception
from cnnkit.initializers import fans

FUNCTIONS = "The functions and their derivatives"
OVERFLOW = "Numbers that overflow"
VARIANCE = "Keeping the variance: Xavier and He"
SMOOTH = "GELU and SiLU"

DECK = [
    FormulaDrill(
        id="sigmoid-derivative-formula",
        title="The sigmoid's derivative",
        section=FUNCTIONS,
        difficulty=1,
        minutes=2,
        prompt=r"Write the derivative of $\sigma(x) = 1 / (1 + e^{-x})$ as a formula in $x$.",
        names={"x": (-6, 6)},
        answer="exp(-x) / (1 + exp(-x))^2",
        check=lambda v: activations.sigmoid_grad(np.array(float(v.x))),
        misconceptions=(
            Misconception(
                "sign-lost",
                "-exp(-x) / (1 + exp(-x))^2",
                "The sign: the inner derivative of $e^{-x}$ is $-e^{-x}$, and the two minus signs cancel.",
            ),
            Misconception(
                "inner-derivative-forgotten",
                "1 / (1 + exp(-x))^2",
                "The inner derivative is missing: the denominator changes by $e^{-x}$.",
            ),
            Misconception("function-itself", "1 / (1 + exp(-x))", "That is the function itself."),
            Misconception(
                "tanh-rule",
                "1 - (1 / (1 + exp(-x)))^2",
                "$1 - a^2$ is the rule for tanh; the sigmoid's is $s (1 - s)$.",
            ),
        ),
        hints=("The chain rule on $u^{-1}$ with $u = 1 + e^{-x}$.", r"$\sigma (1 - \sigma)$, written out."),
        solution=r"$-u^{-2} \cdot (-e^{-x}) = e^{-x} / (1 + e^{-x})^2 = \sigma(x) (1 - \sigma(x))$.",
    ),
    FormulaDrill(
        id="silu-derivative-formula",
        title="The derivative of SiLU",
        section=SMOOTH,
        difficulty=2,
        minutes=3,
        prompt=r"SiLU is $x \cdot \sigma(x)$. Write its derivative as a formula in $x$.",
        names={"x": (-6, 6)},
        answer="1 / (1 + exp(-x)) + x * exp(-x) / (1 + exp(-x))^2",
        check=lambda v: activations.silu_grad(np.array(float(v.x))),
        misconceptions=(
            Misconception(
                "product-rule-forgotten",
                "exp(-x) / (1 + exp(-x))^2",
                r"You differentiated $\sigma$ alone. SiLU is a product: $\sigma + x \sigma'$.",
            ),
            Misconception(
                "first-term-only",
                "1 / (1 + exp(-x))",
                r"The second term of the product rule is missing: $x \sigma'(x)$.",
            ),
            Misconception(
                "second-term-only",
                "x * exp(-x) / (1 + exp(-x))^2",
                r"The first term of the product rule is missing: $\sigma(x)$ itself.",
            ),
            Misconception(
                "sign-of-the-second",
                "1 / (1 + exp(-x)) - x * exp(-x) / (1 + exp(-x))^2",
                "The second term is added: the sigmoid rises.",
            ),
        ),
        hints=("It is a product: use the product rule.", r"$\sigma(x) + x \, \sigma(x) (1 - \sigma(x))$."),
        solution=r"$\sigma(x) + x \sigma'(x)$ with $\sigma' = e^{-x} / (1 + e^{-x})^2$.",
    ),
    FormulaDrill(
        id="log-sum-exp-formula",
        title="A logarithm of a sum that cannot overflow",
        section=OVERFLOW,
        difficulty=2,
        minutes=3,
        prompt=r"""Write $\log(e^{a} + e^{b})$ as a formula that can be computed for numbers up to 2000,
where $e^{a}$ cannot. (`max`, `min` and `abs` are there.)""",
        names={"a": (600, 2000), "b": (600, 2000)},
        answer="max(a, b) + log(1 + exp(-abs(a - b)))",
        check=lambda v: np.logaddexp(float(v.a), float(v.b)),
        misconceptions=(
            Misconception("sum", "a + b", "That is the logarithm of the *product* of the exponentials."),
            Misconception(
                "smaller-first",
                "min(a, b) + log(1 + exp(-abs(a - b)))",
                "You took the smaller one out. What stays inside must be at most 1.",
            ),
            Misconception(
                "twice-the-largest",
                "max(a, b) + log(2)",
                "That holds for equal numbers only: the smaller exponential counts less.",
            ),
        ),
        hints=(
            "Take the larger exponential out of the sum.",
            r"$\log(e^m (1 + e^{-|a - b|}))$ with $m = \max(a, b)$.",
        ),
        solution=r"$\max(a, b) + \log(1 + e^{-|a - b|})$: no exponent is above 0.",
    ),
    FormulaDrill(
        id="he-spread-formula",
        title="He's standard deviation",
        section=VARIANCE,
        difficulty=1,
        minutes=1,
        prompt=r"""Write the *standard deviation* of He initialisation (forward form) for a $k \times k$
convolution from $C_{in}$ to $C_{out}$ channels.""",
        names={"k": (1, 7), "C_in": (2, 64), "C_out": (2, 64)},
        answer="sqrt(2 / (k^2 * C_in))",
        check=lambda v: math.sqrt(2 / fans((v.k, v.k, v.C_in, v.C_out))[0]),
        misconceptions=(
            Misconception("variance-for-spread", "2 / (k^2 * C_in)", "That is the variance; take its root."),
            Misconception(
                "window-forgotten",
                "sqrt(2 / C_in)",
                "The window is missing: one output sums over $k^2 C_{in}$.",
            ),
            Misconception(
                "fan-out-for-fan-in", "sqrt(2 / (k^2 * C_out))", "That is the fan-out, for the backward form."
            ),
            Misconception("two-forgotten", "sqrt(1 / (k^2 * C_in))", "The 2 for ReLU is missing."),
            Misconception(
                "xavier-for-he",
                "sqrt(2 / (k^2 * (C_in + C_out)))",
                "That is Xavier, which averages both fans.",
            ),
        ),
        hints=("How many products does one output sum up?", "The root of 2 over the fan-in."),
        solution=r"$\sqrt{2 / (k^2 C_{in})}$: the fan-in of a convolution is its window times "
        r"its input channels.",
    ),
]
