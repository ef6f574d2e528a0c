"""What rio-tiler finds at the corners of pixels: corners.json, beside this script.

Usage: corners.py    (with rio-tiler 9.4.12, rasterio 1.4.4 and its GDAL 3.10.3)
Every pixel's value is its place in the raster, counted row by row from 0.
"""
import json
import pathlib
import tempfile
import warnings

import numpy
import rasterio
import rio_tiler
from affine import Affine
from rasterio.crs import CRS
from rio_tiler.errors import PointOutsideBounds
from rio_tiler.io import Reader

warnings.filterwarnings("ignore")

SIDE_PX = 24

# A system, and the way from pixels to its coordinates. None lies askew: there the last bit of a sum of three products decides.
RASTERS = [
    (32633, Affine(10.0, 0.0, 499_980.0, 0.0, -10.0, 4_500_000.0)),
    (32633, Affine(29.97, 0.0, 300_000.3, 0.0, -29.97, 5_100_000.7)),
    (4326, Affine(0.0003, 0.0, 12.1, 0.0, -0.0003, 41.3)),
    (4326, Affine(1 / 3600, 0.0, -0.5, 0.0, -1 / 3600, 0.25)),
    (3857, Affine(1.1943285669, 0.0, 1_368_204.7, 0.0, -1.1943285669, 5_063_021.3)),
]


def corners(folder, epsg, transform):
    path = str(folder / "a.tif")
    values = numpy.arange(SIDE_PX * SIDE_PX, dtype="uint16").reshape(SIDE_PX, SIDE_PX)
    with rasterio.open(path, "w", driver="GTiff", width=SIDE_PX, height=SIDE_PX, count=1, dtype="uint16",
                       crs=CRS.from_epsg(epsg), transform=transform) as file:
        file.write(values, 1)
    found = []
    with Reader(path) as reader:
        for row in range(SIDE_PX + 1):
            for col in range(SIDE_PX + 1):
                x, y = transform * (col, row)
                try:
                    data = reader.point(x, y, coord_crs=CRS.from_epsg(epsg)).array
                    found.append(None if data.mask.any() else int(data[0]))
                except PointOutsideBounds:
                    found.append("outside")
    return {"epsg": epsg, "transform": list(transform)[:6], "found": found}


def main():
    made_with = {"rio_tiler": rio_tiler.__version__, "rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
    with tempfile.TemporaryDirectory() as folder:
        rasters = [json.dumps(corners(pathlib.Path(folder), *raster)) for raster in RASTERS]
    text = '{"made_with": %s, "side_px": %d, "rasters": [\n%s\n]}\n' % (json.dumps(made_with), SIDE_PX, ",\n".join(rasters))
    pathlib.Path(__file__).with_name("corners.json").write_text(text)


main()
