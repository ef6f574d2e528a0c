"""Writes titiler.json: statistics as TiTiler reports them, for the test beside it.

Needs rio-tiler 9.4.12 (pip install rio-tiler==9.4.12) and a folder of rasters:

    python titiler.py ../../../../shared/data/cog > titiler.json
"""
import json
import math
import sys
from pathlib import Path

import rasterio
from rio_tiler.io import Reader

FOLDER = Path(sys.argv[1])

# File, what GET is asked: as a query and as rio-tiler's arguments.
GETS = [
    ("rio-tiler__cog.tif", {}),
    ("rio-tiler__cog.tif", {"max_size": 3000}),
    ("rio-tiler__cog.tif", {"width": 200, "height": 150, "resampling": "bilinear"}),
    ("rio-tiler__cog_nodata_nan.tif", {}),
    ("rio-tiler__cog_nodata_nan.tif", {"histogram_bins": "7", "histogram_range": "0,5000"}),
    ("rio-tiler__cog_scale.tif", {"max_size": 64, "p": [5, 50]}),
    ("rio-tiler__cog_rgb_mask.tif", {}),
    ("rio-tiler__cog_gradient.tif", {"histogram_bins": "0,10,20,255"}),
    ("titiler__dem.tif", {}),
    ("titiler__B01.tif", {"categorical": "true", "c": [300.7, 12]}),
    ("cogger__cog_gray.tif", {"categorical": "true", "c": [3.5, 300]}),
    ("rio-tiler__noweb.tif", {}),
]

# File, parts of its box in degrees: corners of a polygon that lies on no pixel's edge.
POSTS = [
    ("rio-tiler__cog_nodata_nan.tif", {}),
    ("rio-tiler__cog.tif", {"max_size": 300}),
    ("titiler__dem.tif", {}),
    ("rio-tiler__cog_scale.tif", {}),
]
CORNERS = [(0.311, 0.337), (0.653, 0.281), (0.697, 0.613), (0.449, 0.587)]


def options(query):
    known = {"max_size": 1024}
    known.update({name: query[name] for name in ("max_size", "width", "height") if name in query})
    if "width" in query or "height" in query:
        known["max_size"] = None
    if "resampling" in query:
        known["resampling_method"] = query["resampling"]
    return known


def counting(query):
    wanted = {"percentiles": query.get("p", [2, 98])}
    bins = query.get("histogram_bins", "10")
    histogram = {"bins": [float(edge) for edge in bins.split(",")] if "," in bins else int(bins)}
    if "histogram_range" in query:
        histogram["range"] = [float(end) for end in query["histogram_range"].split(",")]
    if "categorical" in query:
        wanted.update(categorical=True, categories=query["c"])
    return {**wanted, "hist_options": histogram}


def told(statistics):
    def plain(value):
        if isinstance(value, float) and math.isnan(value):
            return None
        return [plain(one) for one in value] if isinstance(value, list) else value

    return {
        name: {key: plain(value) for key, value in band.model_dump().items()} for name, band in statistics.items()
    }


cases = []
for file, query in GETS:
    with Reader(str(FOLDER / file)) as raster:
        numbers = raster.preview(**options(query)).statistics(**counting(query))
    cases.append({"file": file, "query": query, "feature": None, "statistics": told(numbers)})
for file, query in POSTS:
    with Reader(str(FOLDER / file)) as raster:
        west, south, east, north = raster.get_geographic_bounds(rasterio.CRS.from_epsg(4326))
        ring = [(west + x * (east - west), south + y * (north - south)) for x, y in CORNERS]
        feature = {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [[list(place) for place in [*ring, ring[0]]]]},
        }
        image = raster.feature(feature, align_bounds_with_dataset=True, max_size=query.get("max_size"))
        coverage = image.get_coverage_array(feature, cover_scale=10)
        numbers = image.statistics(**counting(query), coverage=coverage)
    cases.append({"file": file, "query": query, "feature": feature, "statistics": told(numbers)})
json.dump(cases, sys.stdout, indent=1)
print()
