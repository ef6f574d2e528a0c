#!/usr/bin/env python3
"""A model of your own in place of aurora-infer: one scene in, a COG and detections out.

    aurora-indexer --root /nas --command 'python3 own_model.py {input} --out {output_dir}'

Needs rasterio, numpy and rio-cogeo. `find_oil` is the part to replace; the rest is what Aurora expects of any command.
Exit status 65 says that the file can never be used; any other failure is tried again.
"""
import argparse, json, os, sys
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.features import shapes
from rasterio.warp import transform_geom
from rio_cogeo.cogeo import cog_translate
from rio_cogeo.profiles import cog_profiles

MODEL = "example/1"
CELL_PX = 8          # source pixels a cell, to calm speckle
THRESHOLD_DB = -4.0  # below the scene's median
MIN_AREA_KM2 = 1.0


def find_oil(amplitude, valid):
    """True where there is oil, of the shape of `amplitude` (rows, columns; north-west first). Your network goes here."""
    db = 20 * np.log10(np.maximum(amplitude, 1))
    return valid & (db < np.median(db[valid]) + THRESHOLD_DB)


def detections(source):
    rows, columns = max(source.height // CELL_PX, 1), max(source.width // CELL_PX, 1)
    size = (rows, columns)
    amplitude = source.read(1, out_shape=size, resampling=Resampling.average).astype(np.float32)
    valid = source.read_masks(1, out_shape=size) > 0
    cell = source.transform * source.transform.scale(source.width / columns, source.height / rows)
    oil = find_oil(amplitude, valid).astype(np.uint8) if valid.any() else np.zeros(size, np.uint8)
    for outline, _ in shapes(oil, mask=oil > 0, transform=cell):
        area_km2 = sum(map(signed_area_m2, outline["coordinates"])) / 1e6  # holes run the other way round
        if abs(area_km2) < MIN_AREA_KM2:
            continue
        yield {
            "type": "Feature",
            "geometry": transform_geom(source.crs, "EPSG:4326", outline, precision=6),
            "properties": {"area_km2": round(abs(area_km2), 3), "confidence": 0.5, "model": MODEL},
        }


def signed_area_m2(ring):
    """Shoelace formula, in a CRS in metres, as MBI scenes have."""
    x, y = np.array(ring).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("input")
    arguments.add_argument("--out", required=True)
    options = arguments.parse_args()
    os.makedirs(options.out, exist_ok=True)
    name = os.path.basename(options.input)
    name = name[: name.find(".MBI")] if ".MBI" in name[1:] else os.path.splitext(name)[0]
    try:
        source = rasterio.open(options.input)
    except rasterio.errors.RasterioIOError as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 65
    with source:
        if source.crs is None:
            print("no coordinate system", file=sys.stderr)
            return 65
        features = list(detections(source))
        nodata = 0 if source.nodata is None else source.nodata
        profile = cog_profiles.get("deflate") | {"blockxsize": 512, "blockysize": 512}
        cog_translate(source, os.path.join(options.out, f"{name}.MBI_light.tif"), profile, nodata=nodata,
                      overview_resampling="average", in_memory=False, quiet=True)
    with open(os.path.join(options.out, f"{name}.detections.geojson"), "w") as file:
        json.dump({"type": "FeatureCollection", "features": features}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
