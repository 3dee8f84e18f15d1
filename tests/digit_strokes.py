"""Digits drawn with a pen, as polylines: what a learner might put on the pad, and no network has seen."""

from itertools import pairwise

import numpy as np

# Corners (x to the right, y downwards, in a unit box), several ways of writing each digit.
STROKES = {
    0: ["ellipse 0.5 0.5 0.35 0.5", "ellipse 0.5 0.5 0.45 0.5"],
    1: ["0.5,0 0.5,1", "0.3,0.25 0.55,0 0.55,1", "0.55,0 0.45,1"],
    2: [
        "0.1,0.25 0.2,0.06 0.5,0 0.8,0.08 0.88,0.3 0.75,0.52 0.4,0.78 0.1,1 0.95,1",
        "0.1,0.2 0.3,0.02 0.65,0.02 0.85,0.25 0.6,0.6 0.1,1 0.9,0.98",
    ],
    3: [
        "0.12,0.1 0.45,0 0.8,0.08 0.85,0.28 0.7,0.45 0.4,0.5 0.7,0.54 0.9,0.72 0.8,0.92 0.45,1 0.1,0.9",
        "0.15,0.02 0.85,0.02 0.45,0.4 0.8,0.5 0.9,0.75 0.7,0.95 0.4,1 0.1,0.9",
    ],
    4: ["0.25,0 0.05,0.6 0.95,0.6|0.7,0.3 0.7,1", "0.7,1 0.7,0 0.05,0.65 0.95,0.65"],
    5: [
        "0.85,0 0.25,0 0.18,0.42 0.55,0.38 0.85,0.52 0.9,0.75 0.7,0.95 0.4,1 0.1,0.9",
        "0.2,0.02 0.2,0.45 0.6,0.42 0.85,0.6 0.8,0.88 0.45,1 0.12,0.92|0.2,0.02 0.85,0.02",
    ],
    6: [
        "0.75,0 0.4,0.2 0.15,0.55 0.15,0.8 0.35,1 0.7,0.98 0.88,0.78 0.75,0.58 0.45,0.55 0.2,0.7",
        "0.45,0 0.2,0.4 0.1,0.75 0.3,1 0.7,0.98 0.8,0.75 0.6,0.58 0.3,0.62 0.15,0.78",
    ],
    7: ["0.1,0 0.9,0 0.45,1", "0.1,0.02 0.9,0.02 0.5,0.5 0.35,1|0.25,0.5 0.75,0.5"],
    8: [
        "0.5,0.47 0.2,0.3 0.25,0.08 0.5,0 0.75,0.08 0.8,0.3 0.5,0.47 "
        "0.15,0.65 0.15,0.9 0.5,1 0.85,0.9 0.85,0.65 0.5,0.47",
    ],
    9: [
        "0.8,0.25 0.6,0.02 0.3,0.03 0.15,0.25 0.3,0.47 0.6,0.45 0.8,0.25 0.78,0.6 0.7,1",
        "0.82,0.25 0.6,0.02 0.3,0.03 0.15,0.25 0.3,0.47 0.6,0.45 0.82,0.25 0.8,0.7 0.6,0.95 0.25,0.98",
    ],
}


def drawn(digit, style, rng, *, size=128, pen=11.0):
    """Ink (size, size) float32 of one digit: leaning, stretched, shaky, anywhere on the sheet."""
    height = rng.uniform(0.45, 0.8) * size
    width = height * rng.uniform(0.5, 0.8)
    lean, angle = rng.uniform(-0.12, 0.2), np.deg2rad(rng.uniform(-6, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    origin = rng.uniform(size * 0.42, size * 0.58, 2)
    rows, columns = np.mgrid[:size, :size]
    ink = np.zeros((size, size), np.float32)
    for line in STROKES[digit][style].split("|"):
        corners = (_corners(line) - 0.5) * [width, height]
        corners[:, 0] -= lean * corners[:, 1]
        corners = corners @ turn.T + origin + rng.normal(0, 0.012 * size, corners.shape)
        for start, end in pairwise(corners):
            ink[_distance(columns, rows, start, end) <= pen / 2] = 1
    return ink


def _corners(line):
    if line.startswith("ellipse"):
        x, y, a, b = map(float, line.split()[1:])
        t = np.linspace(0, 2 * np.pi, 17)
        return np.stack([x + a * np.sin(t), y - b * np.cos(t)], axis=1)
    return np.array([[float(v) for v in corner.split(",")] for corner in line.split()])


def _distance(x, y, start, end):
    along = end - start
    t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-9), 0, 1)
    return np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
