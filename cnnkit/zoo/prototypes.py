"""The pictures that LeNet-5's output compares with: ten digits of 12 rows and 7 columns, drawn by hand.

The paper's are a stylised ASCII set in the same grid (figure 3); +1 is ink and -1 is paper. Codes that look
like what they stand for make confusable characters have similar codes, which a one-hot code cannot.
"""

import numpy as np

_ROWS, _COLUMNS = 12, 7

_DIGITS = """
..###.. ...##.. ..###.. .#####. ....##. ####### ..####. ####### ..###.. ..###..
.##.##. ..###.. .#...#. #....## ...###. ##..... .##.... #....## .#...#. .#...#.
##...## .####.. #.....# .....## ..#.##. ##..... ##..... .....#. ##...## ##...##
##...## ...##.. .....## .....## ..#.##. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. .....## ....##. .#..##. #####.. ##.###. ....#.. .#...#. ##...##
##...## ...##.. ....##. ..###.. .#..##. .....#. ###..## ...##.. ..###.. .#..###
##...## ...##.. ...##.. ....##. #...##. .....## ##...## ...#... .#...#. ..##.##
##...## ...##.. ..##... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..#.... ##...## .....##
##...## ...##.. ##..... .....## ....##. #....## ##...## .##.... ##...## ....##.
.##.##. ...##.. ##..... #....## ....##. ##..##. .#...#. .##.... .#...#. ...##..
..###.. .###### ####### .#####. ....##. .####.. ..###.. .##.... ..###.. .###...
"""


def prototypes(num_classes: int = 10) -> list[list[float]]:
    """Return one row of 84 numbers, +1 or -1, for each class: the drawn digits, or random signs for others.

    Random signs are the paper's own alternative where no picture is at hand (section II.C). The same
    `num_classes` gives the same rows.
    """
    if num_classes == 10:
        return _drawn()
    signs = np.random.default_rng(1998).choice([-1.0, 1.0], size=(num_classes, _ROWS * _COLUMNS))
    rows: list[list[float]] = signs.tolist()
    return rows


def _drawn() -> list[list[float]]:
    lines = [line.split() for line in _DIGITS.split("\n") if line]
    pictures = ("".join(line[digit] for line in lines) for digit in range(10))
    return [[1.0 if mark == "#" else -1.0 for mark in picture] for picture in pictures]
