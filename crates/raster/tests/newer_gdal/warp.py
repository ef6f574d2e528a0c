"""What GDAL 3.10 warps in another way than 3.6: warp.json, beside this script.

Usage: warp.py    (with rasterio 1.4.4 and its GDAL 3.10.3)
Lanczos is widened where the view shrinks, and the mode weighs pixels by area. The rasters are made of formulas that the test has
too. Values are [row][col], of views well inside them.
"""
import json
import pathlib

import numpy
import rasterio
from rasterio.transform import from_bounds, from_origin
from rasterio.warp import Resampling, reproject, transform

SIDE_PX, SPACING_M, CORNER_M, EPSG = 160, 30.0, (500_000.0, 7_500_000.0), 32724
VIEW_PX = 40
# Source pixels a view pixel, at the scene's latitude.
RATIOS = [0.5, 1.6, 2.4]


def mixed(col, row):
    """Ten bits of noise of two numbers."""
    mix = (col * numpy.uint32(73_856_093)) ^ (row * numpy.uint32(19_349_663))
    return (mix * numpy.uint32(2_654_435_761)) >> numpy.uint32(22)


def ground(kernel):
    col, row = numpy.meshgrid(numpy.arange(SIDE_PX, dtype=numpy.uint32), numpy.arange(SIDE_PX, dtype=numpy.uint32))
    noise = mixed(col, row)
    fields = mixed(col // numpy.uint32(11), row // numpy.uint32(9)) % numpy.uint32(7)
    stray = noise % numpy.uint32(9) == 0
    kinds = numpy.where(stray, noise % numpy.uint32(7), fields)
    return (100 + (kinds if kernel == "mode" else noise)).astype("uint16")


def view(kernel, ratio):
    middle = (CORNER_M[0] + SIDE_PX / 2 * SPACING_M, CORNER_M[1] - SIDE_PX / 2 * SPACING_M)
    xs, ys = transform(f"EPSG:{EPSG}", "EPSG:3857", [middle[0], middle[0] + SPACING_M], [middle[1]] * 2)
    half = (xs[1] - xs[0]) * ratio * VIEW_PX / 2
    bounds = [xs[0] - half, ys[0] - half, xs[0] + half, ys[0] + half]
    values = numpy.zeros((VIEW_PX, VIEW_PX), "uint16")
    reproject(ground(kernel), values, src_transform=from_origin(*CORNER_M, SPACING_M, SPACING_M), src_crs=f"EPSG:{EPSG}",
              dst_transform=from_bounds(*bounds, VIEW_PX, VIEW_PX), dst_crs="EPSG:3857", resampling=Resampling[kernel],
              tolerance=1e-5)
    return {"kernel": kernel, "ratio": ratio, "bounds": bounds, "values": values.ravel().tolist()}


def main():
    made_with = {"rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
    views = [json.dumps(view(kernel, ratio)) for kernel in ("lanczos", "mode") for ratio in RATIOS]
    text = '{"made_with": %s, "views": [\n%s\n]}\n' % (json.dumps(made_with), ",\n".join(views))
    pathlib.Path(__file__).with_name("warp.json").write_text(text)


if __name__ == "__main__":
    main()
