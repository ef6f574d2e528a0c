"""Writes titiler.json: statistics as TiTiler reports them, for the test beside it. TiTiler passes on what its library says.

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

# File, what GET is asked: as a query and as rio-tiler's arguments. Kernels are tried on rasters without masked pixels, since GDAL
# has a pixel valid that any valid one went into, and Aurora's mask is always that of the nearest.
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
    ("rio-tiler__mosaic_cog1.tif", {"bidx": [3, 1]}),
    ("rio-tiler__mosaic_cog1.tif", {"expression": "b1-b2;b3*2"}),
    ("rio-tiler__red.tif", {"nodata": "1200", "unscale": "true"}),
    ("rio-tiler__cog_uint8_rgba.tif", {"p": [1, 99]}),
    ("titiler__B01.tif", {"resampling": "bilinear"}),
    ("titiler__B01.tif", {"resampling": "cubic"}),
    ("rio-cogeo__image_north.tif", {"width": 886, "height": 889, "resampling": "average"}),
    ("rio-cogeo__image_north.tif", {"width": 886, "height": 889, "resampling": "bilinear"}),
    ("rio-cogeo__image_north.tif", {"width": 886, "height": 889, "resampling": "cubic"}),
    ("rio-cogeo__image_north.tif", {"width": 886, "height": 889, "resampling": "mode"}),
    ("rio-tiler__inverted_lat.tif", {"width": 240, "height": 120, "resampling": "average"}),
    ("titiler__dem.tif", {"width": 200, "height": 200, "resampling": "lanczos"}),
]

# File, what POST is asked, and the features that it is sent: one of these, or a collection of both.
POSTS = [
    ("rio-tiler__cog_nodata_nan.tif", {}, "one"),
    ("rio-tiler__cog.tif", {"max_size": 300}, "one"),
    ("titiler__dem.tif", {}, "one"),
    ("rio-tiler__cog_scale.tif", {}, "one"),
    ("titiler__dem.tif", {"p": [5, 50, 95], "histogram_bins": "6"}, "both"),
    ("rio-tiler__cog_scale.tif", {"histogram_bins": "5", "histogram_range": "0,20000"}, "both"),
    ("rio-tiler__cog.tif", {"categorical": "true"}, "both"),
    ("titiler__B01.tif", {"categorical": "true", "c": [300.7, 12]}, "one"),
    ("rio-tiler__cog_rgb_mask.tif", {"bidx": [3, 1]}, "both"),
    ("rio-tiler__cog_rgb_mask.tif", {"expression": "b1/b2;b3*2"}, "one"),
    ("rio-tiler__cog_uint8_rgba.tif", {"p": [50]}, "one"),
    ("titiler__dem.tif", {"dst_crs": "native"}, "both"),
    ("rio-tiler__cog.tif", {"dst_crs": "native", "width": 120, "height": 90}, "one"),
]

# Parts of a raster's box in degrees: corners of polygons that lie on no pixel's edge.
CORNERS = {
    "first": [(0.311, 0.337), (0.653, 0.281), (0.697, 0.613), (0.449, 0.587)],
    "second": [(0.513, 0.553), (0.851, 0.521), (0.617, 0.893)],
}


def options(query, max_size):
    known = {"max_size": query.get("max_size", max_size)}
    known.update({name: query[name] for name in ("width", "height", "expression") if name in query})
    if "width" in query or "height" in query:
        known["max_size"] = None
    if "resampling" in query:
        known["resampling_method"] = query["resampling"]
    if "bidx" in query:
        known["indexes"] = query["bidx"]
    if "nodata" in query:
        known["nodata"] = float(query["nodata"])
    if "unscale" in query:
        known["unscale"] = True
    return known


def counting(query):
    wanted = {"percentiles": query.get("p", [2, 98])}
    bins = query.get("histogram_bins", "10")
    histogram = {"bins": [float(edge) for edge in bins.split(",")] if "," in bins else int(bins)}
    if "histogram_range" in query:
        histogram["range"] = [float(end) for end in query["histogram_range"].split(",")]
    if "categorical" in query:
        wanted.update(categorical=True, categories=query.get("c"))
    return {**wanted, "hist_options": histogram}


def told(statistics):
    def plain(value):
        if isinstance(value, float) and math.isnan(value):
            return None
        return [plain(one) for one in value] if isinstance(value, list) else value

    return {
        name: {key: plain(value) for key, value in band.model_dump().items()} for name, band in statistics.items()
    }


def feature(raster, name):
    west, south, east, north = raster.get_geographic_bounds(rasterio.CRS.from_epsg(4326))
    ring = [[west + x * (east - west), south + y * (north - south)] for x, y in CORNERS[name]]
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def under(raster, sent, query):
    image = raster.feature(
        sent,
        align_bounds_with_dataset=True,
        dst_crs=raster.crs if "dst_crs" in query else None,
        **options(query, None),
    )
    coverage = image.get_coverage_array(sent, cover_scale=10)
    return told(image.statistics(**counting(query), coverage=coverage))


cases = []
for file, query in GETS:
    with Reader(str(FOLDER / file)) as raster:
        numbers = told(raster.preview(**options(query, 1024)).statistics(**counting(query)))
    cases.append({"file": file, "query": query, "features": None, "statistics": [numbers]})
for file, query, sent in POSTS:
    with Reader(str(FOLDER / file)) as raster:
        features = [feature(raster, name) for name in (["first"] if sent == "one" else CORNERS)]
        numbers = [under(raster, one, query) for one in features]
        if "dst_crs" in query:
            query = {**query, "dst_crs": f"epsg:{raster.crs.to_epsg()}"}
    cases.append({"file": file, "query": query, "features": features, "statistics": numbers})
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
