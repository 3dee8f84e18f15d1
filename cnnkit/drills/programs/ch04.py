"""Chapter 04: right solutions of different style, and a program with a bug to find."""

import numpy as np


def receptive_field(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += d * (k - 1) * jump
        jump *= s
    return size


def receptive_field_from_the_top(layers):
    size = 1
    for k, s, d in reversed(layers):
        size = (size - 1) * s + d * (k - 1) + 1
    return size


def field_of_unit_jumps_too_early(layers, unit):
    size, jump, start = 1, 1, 0
    for k, s, p in layers:
        jump *= s
        size += (k - 1) * jump
        start -= p * jump
    first = start + unit * jump
    return [first, first + size - 1]


def field_of_unit(layers, unit):
    size, jump, start = 1, 1, 0
    for k, s, p in layers:
        size += (k - 1) * jump
        start -= p * jump
        jump *= s
    first = start + unit * jump
    return [first, first + size - 1]


def field_of_unit_from_the_top(layers, unit):
    first = last = unit
    for k, s, p in reversed(layers):
        first, last = first * s - p, last * s - p + k - 1
    return np.array([first, last])
