"""What Lee's two speckle filters give on a small scene: speckle.json, beside this script.

Usage: speckle.py    (with numpy 2.4.6)
Written from the papers, pixel by pixel and without regard for speed, and not from the code that is held to it:
Lee 1980, Digital image enhancement and noise filtering by use of local statistics (IEEE PAMI 2, 165-168), for multiplicative noise;
Lee 1981, Refined filtering of image noise using local statistics (Computer Graphics and Image Processing 15, 380-389).
Where the papers are silent: windows end at the raster's edge, masked pixels are in no window, squares beyond the edge count as the
middle one, and where no direction stands out all of the window is taken.
"""
import json
import pathlib

import numpy as np

ROWS, COLS = 13, 15
AMPLITUDE_VARIATION = np.sqrt(4 / np.pi - 1)


def scene():
    """Fields of 100, 400 and 250 with an upright and a slanted edge between them, under four looks of speckle; three pixels are masked."""
    random = np.random.default_rng(1981)
    row, col = np.mgrid[0:ROWS, 0:COLS]
    ground = np.where(col < 6, 100.0, 400.0)
    ground[row + col > 20] = 250.0
    power = random.gamma(4.0, 0.25, (ROWS, COLS))
    valid = np.ones((ROWS, COLS), bool)
    valid[3, 4] = valid[8, 8] = valid[12, 14] = False
    return np.round(ground * np.sqrt(power), 3), valid


def estimate(value, window, variation):
    """Local linear minimum mean square error: mean + k (value - mean), k = var(x) / var(z)."""
    mean, variance = np.mean(window), np.var(window)
    if variance <= 0:
        return mean
    of_ground = max((variance - (mean * variation) ** 2) / (1 + variation**2), 0)
    return mean + of_ground / variance * (value - mean)


def cut(array, row, col, reach):
    rows = slice(max(row - reach, 0), row + reach + 1)
    cols = slice(max(col - reach, 0), col + reach + 1)
    return array[rows, cols]


def lee(values, valid, size, variation):
    out = values.copy()
    for row, col in np.argwhere(valid):
        window = cut(values, row, col, size // 2)[cut(valid, row, col, size // 2)]
        out[row, col] = estimate(values[row, col], window, variation)
    return out


def square_means(values, valid, row, col):
    """The 3 x 3 means of the nine 3 x 3 squares of a 7 x 7 window, which overlap by a row or column."""
    middle = values[row - 1 if row else 0 : row + 2, col - 1 if col else 0 : col + 2]
    middle = middle[cut(valid, row, col, 1)].mean()
    means = np.full((3, 3), middle)
    for i in range(3):
        for j in range(3):
            r, c = row + 2 * (i - 1), col + 2 * (j - 1)
            if 0 <= r < values.shape[0] and 0 <= c < values.shape[1] and cut(valid, r, c, 1).any():
                means[i, j] = cut(values, r, c, 1)[cut(valid, r, c, 1)].mean()
    return means


# Gradient masks of the paper: across an upright edge, a falling and a level one, and a rising one. Each with the direction from the
# edge to its positive side as (rows down, columns right).
GRADIENTS = [
    (np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]), (0, 1)),
    (np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]), (1, 1)),
    (np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]]), (1, 0)),
    (np.array([[0, -1, -1], [1, 0, -1], [1, 1, 0]]), (1, -1)),
]


def refined_lee(values, valid, variation):
    out = values.copy()
    down, right = np.mgrid[-3:4, -3:4]
    for row, col in np.argwhere(valid):
        means = square_means(values, valid, row, col)
        strengths = [abs((mask * means).sum()) for mask, _ in GRADIENTS]
        inside = np.zeros((7, 7), bool)
        window = np.zeros((7, 7))
        for i in range(7):
            for j in range(7):
                r, c = row + i - 3, col + j - 3
                if 0 <= r < values.shape[0] and 0 <= c < values.shape[1] and valid[r, c]:
                    inside[i, j], window[i, j] = True, values[r, c]
        half = np.ones((7, 7), bool)
        if max(strengths) > 0:
            _, (d, r) = GRADIENTS[int(np.argmax(strengths))]
            ahead, behind, centre = means[1 + d, 1 + r], means[1 - d, 1 - r], means[1, 1]
            if not abs(ahead - centre) < abs(behind - centre):
                d, r = -d, -r
            half = down * d + right * r >= 0
        out[row, col] = estimate(values[row, col], window[inside & half], variation)
    return out


def main():
    values, valid = scene()
    amplitude, power = AMPLITUDE_VARIATION / np.sqrt(4), 1 / np.sqrt(4)
    cases = [
        ("lee", {"window": 5, "looks": 4, "kind": "amplitude"}, lee(values, valid, 5, amplitude)),
        ("lee", {"window": 3, "looks": 1, "kind": "power"}, lee(values, valid, 3, 1.0)),
        ("refined_lee", {"looks": 4, "kind": "amplitude"}, refined_lee(values, valid, amplitude)),
        ("refined_lee", {"looks": 4, "kind": "power"}, refined_lee(values, valid, power)),
    ]
    listed = lambda array: [round(float(value), 6) for value in array.ravel()]
    lines = [
        json.dumps({"algorithm": name, "parameters": parameters, "values": listed(filtered)})
        for name, parameters, filtered in cases
    ]
    text = '{"made_with": {"numpy": "%s"}, "rows": %d, "cols": %d,\n"values": %s,\n"mask": %s,\n"cases": [\n%s\n]}\n' % (
        np.__version__,
        ROWS,
        COLS,
        json.dumps(listed(values)),
        json.dumps([255 if ok else 0 for ok in valid.ravel()]),
        ",\n".join(lines),
    )
    pathlib.Path(__file__).with_name("speckle.json").write_text(text)


if __name__ == "__main__":
    main()
