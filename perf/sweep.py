"""Small GeoTIFFs of every kind that GDAL writes, as Aurora serves them and as rio-tiler reads them.

Usage: sweep.py make FOLDER [--count 400] [--seed 1]
       sweep.py compare FOLDER --url http://127.0.0.1:8080 [--out sweep.json]
The files are drawn from a seed: type, compression, predictor, layout, bands, what masks them, overviews, coordinate system and
how they are placed. Each holds a slope across columns and rows, so that a difference of values is a distance in
pixels. Needs rio-tiler, and a server that may read FOLDER (--allow).
"""
import argparse
import collections
import io
import json
import math
import pathlib
import random
import struct
import urllib.parse
import urllib.request
import warnings

import numpy
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import Affine
from rasterio.warp import transform

warnings.filterwarnings("ignore")

REALS = ["float32", "float64"]
TYPES = ["uint8", "uint16", "int16", "uint32", "int32", "int8", *REALS, "uint64", "int64"]
WEIGHTS = [6, 6, 5, 2, 2, 1, 6, 3, 1, 1]
# Compressions by what they can hold.
LOSSLESS = ["NONE", "DEFLATE", "LZW", "ZSTD", "PACKBITS", "LZMA"]
LERC = ["LERC", "LERC_ZSTD", "LERC_DEFLATE"]
# Systems with a place in them: EPSG, longitude and latitude of the middle.
SYSTEMS = [
    (4326, 12.3, 41.7), (4326, -70.2, -52.1), (4326, 179.9, 10.0), (3857, 5.5, 60.2), (32633, 14.2, 45.1), (32723, -43.2, -22.9),
    (32660, 179.6, 51.5), (3035, 9.7, 53.0), (3413, -40.0, 76.0), (3031, 140.0, -72.0), (5070, -97.0, 38.0), (4258, 4.0, 52.0),
    (25832, 10.1, 54.3), (2154, 2.4, 46.6), (3395, 30.0, -10.0), (6933, -5.0, 35.0), (3577, 134.0, -25.0), (32661, 20.0, 85.0),
]
# Nodata values beyond a type, in three characters.
BEYOND = {"uint8": b"-99", "int8": b"999", "uint16": b"-99", "int16": b"1e9", "uint32": b"-99", "int32": b"9e9"}
MASKS = ["none", "nodata", "nodata_nan", "nodata_beyond", "alpha", "soft_alpha", "internal", "nodata_and_alpha",
         "nodata_and_internal", "nan_undeclared", "nodata_zero"]


def draw(rng):
    """One file's properties."""
    one = {"dtype": rng.choices(TYPES, WEIGHTS)[0], "width": rng.randint(30, 700), "height": rng.randint(30, 700)}
    real = one["dtype"] in REALS
    fits = {"nodata_beyond": one["dtype"] in BEYOND, "nodata_nan": real, "nan_undeclared": real}
    one["mask"] = rng.choice([m for m in MASKS if fits.get(m, True)])
    one["bands"] = rng.choice([1, 1, 1, 2, 3, 4])
    codecs = list(LOSSLESS)
    if one["dtype"] in ("uint8", "int16", "uint16", "int32", "uint32", *REALS):
        codecs += LERC
    if one["dtype"] == "uint8":
        codecs += ["JPEG", "WEBP", "WEBP"]
    one["compress"] = rng.choice(codecs)
    with_alpha = "alpha" in one["mask"]
    if one["compress"] == "JPEG":
        one["bands"] = rng.choice([1, 3])
        one["mask"] = rng.choice(["none", "internal"])
    elif one["compress"] == "WEBP":
        one["bands"], one["mask"] = 3, rng.choice(["none", "internal", "alpha"])
    elif with_alpha and one["bands"] == 2:
        one["bands"] = 1
    predictors = [1, 2, 3] if real else [1, 2]
    one["predictor"] = rng.choice(predictors) if one["compress"] in ("DEFLATE", "LZW", "ZSTD") else 1
    one["interleave"] = "pixel" if one["compress"] in ("JPEG", "WEBP") else rng.choice(["pixel", "band"])
    one["tiled"] = rng.random() < 0.7
    one["block"] = rng.choice([(16, 16), (64, 32), (128, 128), (256, 256), (512, 512)])
    one["rows"] = rng.choice([1, 3, 16, 64]) * (8 if one["compress"] == "JPEG" else 1)
    one["endian"] = rng.choice(["LITTLE", "LITTLE", "BIG"])
    one["bigtiff"] = rng.choice(["NO", "YES"])
    one["sparse"] = rng.random() < 0.15
    one["overviews"] = rng.choice([[], [], [2, 4], [2, 4, 8], [3], [2]])
    one["overview_kernel"] = rng.choice(["nearest", "average"])
    one["system"], one["lon"], one["lat"] = rng.choice(SYSTEMS)
    one["spacing_m"] = rng.choice([0.7, 10.0, 30.0, 250.0, 1113.2])
    one["place"] = rng.choice(["north_up"] * 6 + ["south_up", "rotated", "oblong", "gcps4", "gcps9"])
    one["point"] = rng.random() < 0.2
    return one


def values(one):
    """Columns and rows as a slope within the type's range, [band][row][col] as floats, at least 10."""
    height, width = one["height"], one["width"]
    col, row = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    span = {"uint8": 230.0, "int8": 110.0}.get(one["dtype"], 20000.0)
    base = 10 + span * (0.6 * col / width + 0.4 * row / height)
    return numpy.stack([numpy.roll(base, 17 * band, axis=1) for band in range(one["bands"])])


def hole(one):
    """Where there is no data: outside an ellipse, and a stripe, [row][col]."""
    height, width = one["height"], one["width"]
    col, row = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    outside = ((col / width - 0.5) ** 2 + (row / height - 0.5) ** 2) > 0.2
    return outside | ((col + row) % 97 < 9)


def placed(one):
    """Transform and control points of a raster round its place."""
    geographic = one["system"] in (4326, 4258)
    xs, ys = transform("EPSG:4326", f"EPSG:{one['system']}", [one["lon"]], [one["lat"]])
    step = one["spacing_m"] / 111320 if geographic else one["spacing_m"]
    width, height = one["width"], one["height"]
    across, down = step, -step
    turn = 0.0
    if one["place"] == "south_up":
        down = step
    elif one["place"] == "oblong":
        down = -1.7 * step
    elif one["place"] == "rotated":
        turn = 23.0
    affine = (Affine.translation(xs[0], ys[0]) * Affine.rotation(turn) * Affine.scale(across, down)
              * Affine.translation(-width / 2, -height / 2))
    if not one["place"].startswith("gcps"):
        return affine, None
    side = {"gcps4": 2, "gcps9": 3}[one["place"]]
    skew = affine * Affine.shear(4.0, 2.0)
    share = [k / (side - 1) for k in range(side)]
    points = []
    for down in share:
        for right in share:
            col, row = right * width, down * height
            x, y = skew * (col, row)
            bend = 0.0 if side == 2 else 0.01 * step * width * (right * right - right * down)
            points.append(GroundControlPoint(row=row, col=col, x=x + bend, y=y))
    return None, points


def write(path, one):
    affine, points = placed(one)
    dtype, data = one["dtype"], values(one)
    if dtype in REALS:
        data = data / 3
    masked = hole(one)
    count = one["bands"]
    profile = {"driver": "GTiff", "dtype": dtype, "width": one["width"], "height": one["height"], "crs": f"EPSG:{one['system']}",
               "compress": one["compress"], "interleave": one["interleave"], "tiled": one["tiled"], "endianness": one["endian"],
               "bigtiff": one["bigtiff"], "predictor": one["predictor"], "sparse_ok": one["sparse"]}
    if one["compress"] == "NONE":
        del profile["compress"]
    if one["predictor"] == 1:
        del profile["predictor"]
    if one["compress"] == "WEBP":
        profile["webp_lossless"] = True
    if one["compress"] == "JPEG" and count == 3:
        profile["photometric"] = "YCBCR"
    if one["tiled"]:
        profile["blockxsize"], profile["blockysize"] = one["block"]
    else:
        profile["blockysize"] = min(one["rows"], one["height"])
    if affine is not None:
        profile["transform"] = affine
    kind, nodata = one["mask"], None
    if kind in ("nodata", "nodata_and_alpha", "nodata_and_internal"):
        nodata = 7.0
    elif kind == "nodata_zero":
        nodata = 0.0
    elif kind == "nodata_nan":
        nodata = math.nan
    elif kind == "nodata_beyond":
        nodata = 123.0
    fill = 0.0 if nodata is None or kind == "nodata_beyond" else nodata
    if kind == "nan_undeclared":
        fill = math.nan
    data[:, masked] = fill
    if kind.startswith("nodata") and count > 1:
        data[1, 5:25, 5:25] = fill
    if one["sparse"]:
        data[:, : one["height"] // 2, : one["width"] // 2] = 0.0
    alpha = None
    if "alpha" in kind:
        opaque = 255 if dtype in ("uint8",) else numpy.iinfo(dtype).max if dtype not in REALS else 255
        alpha = numpy.where(masked, 0, opaque).astype(dtype)
        if kind == "soft_alpha":
            alpha[(~masked) & (numpy.indices(masked.shape)[1] % 40 < 12)] = opaque // 2
        count += 1
    profile["count"] = count
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(path, "w", **profile) as out:
            if points:
                out.gcps = (points, rasterio.crs.CRS.from_epsg(one["system"]))
            if one["point"]:
                out.update_tags(AREA_OR_POINT="Point")
            if nodata is not None:
                out.nodata = nodata
            out.write(data.astype(dtype), indexes=list(range(1, one["bands"] + 1)))
            if alpha is not None:
                out.write(alpha, count)
                colors = list(out.colorinterp)
                colors[-1] = ColorInterp.alpha
                out.colorinterp = colors
            if "internal" in kind:
                out.write_mask(~masked)
        if one["overviews"]:
            with rasterio.open(path, "r+") as out:
                out.build_overviews(one["overviews"], Resampling[one["overview_kernel"]])
    if kind == "nodata_beyond":
        declare(path, one, BEYOND[dtype])


def declare(path, one, number):
    """Puts a nodata value of three characters, which no library lets pass, in the place of 123."""
    order, big = ("<" if one["endian"] == "LITTLE" else ">"), one["bigtiff"] == "YES"
    entry = struct.pack(order + ("HHQ" if big else "HHI"), 42113, 2, 4)
    raw = path.read_bytes()
    assert entry + b"123\0" in raw
    path.write_bytes(raw.replace(entry + b"123\0", entry + number + b"\0"))


def make(a):
    folder = pathlib.Path(a.folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(a.seed)
    listed, refused = {}, collections.Counter()
    while len(listed) < a.count:
        one = draw(rng)
        name = f"{len(listed):04}.tif"
        try:
            write(folder / name, one)
            with rasterio.open(folder / name) as source:
                source.read()
        except Exception as error:  # GDAL cannot write every combination, nor read all that it writes.
            refused[str(error)[:60]] += 1
            (folder / name).unlink(missing_ok=True)
            continue
        listed[name] = one
    (folder / "list.json").write_text(json.dumps(listed, indent=0))
    print(f"{len(listed)} files; not written: {dict(refused)}")


def get(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def tiles(reader):
    """Three tiles: the least zoom, the middle one and beyond the largest, round the raster's middle or near it."""
    import morecantile
    west, south, east, north = reader.get_geographic_bounds(rasterio.crs.CRS.from_epsg(4326))
    low, high = reader.minzoom, min(reader.maxzoom, 22)
    for share, zoom in [((0.5, 0.5), low), ((0.4, 0.55), (low + high) // 2), ((0.5, 0.5), high), ((0.27, 0.3), min(high + 2, 23))]:
        span = east - west if east > west else east + 360 - west
        lon, lat = west + span * share[0], south + (north - south) * share[1]
        tile = reader.tms.tile(lon if lon <= 180 else lon - 360, max(min(lat, 85), -85), zoom)
        yield zoom, tile.x, tile.y


def compare_one(path, one, base):
    from rio_tiler.io import Reader
    lines = []
    query = urllib.parse.urlencode({"url": str(path)})
    with Reader(str(path)) as reader:
        status, body = get(f"{base}/cog/WebMercatorQuad/tilejson.json?{query}")
        if status != 200:
            return [{"what": "tilejson", "status": status, "text": body.decode()[:300]}]
        told = json.loads(body)
        bounds = reader.get_geographic_bounds(rasterio.crs.CRS.from_epsg(4326))
        off = max(abs(x - y) for x, y in zip(told["bounds"], bounds))
        if off > 2e-6:
            lines.append({"what": "bounds", "off": off, "ours": told["bounds"], "theirs": list(bounds)})
        for key in ("minzoom", "maxzoom"):
            if told[key] != getattr(reader, key):
                lines.append({"what": key, "ours": told[key], "theirs": getattr(reader, key)})
        for z, x, y in tiles(reader):
            lines += compare_tile(reader, base, query, one, (z, x, y))
        lines += compare_points(reader, base, query, one)
    return lines


def compare_points(reader, base, query, one):
    lines = []
    west, south, east, north = reader.get_geographic_bounds(rasterio.crs.CRS.from_epsg(4326))
    span = east - west if east > west else east + 360 - west
    for right, up in [(0.5, 0.5), (0.31, 0.44), (0.713, 0.622)]:
        lon, lat = west + span * right, south + (north - south) * up
        lon = lon if lon <= 180 else lon - 360
        try:
            array = reader.point(lon, lat).array
            theirs = [None if numpy.ma.is_masked(v) else float(v) for v in array]
        except Exception as error:
            theirs = type(error).__name__
        status, body = get(f"{base}/cog/point/{lon!r},{lat!r}?{query}")
        ours = json.loads(body)["values"] if status == 200 else status
        if isinstance(theirs, str) or not isinstance(ours, list):
            if not (isinstance(theirs, str) and ours == 404):
                lines.append({"what": "point", "at": [lon, lat], "ours": ours, "theirs": theirs})
            continue
        same = len(ours) == len(theirs) and all(
            (a is None) == (b is None) and (a is None or abs(a - b) <= 1e-6 * max(abs(b), 1)) for a, b in zip(ours, theirs))
        if not same:
            lines.append({"what": "point", "at": [lon, lat], "ours": ours, "theirs": theirs})
    return lines


def compare_tile(reader, base, query, one, tile):
    z, x, y = tile
    place = f"{z}/{x}/{y}"
    try:
        theirs = reader.tile(x, y, z, tilesize=256)
        their_values, their_mask = theirs.array.data, theirs.mask
    except Exception as error:
        theirs = type(error).__name__
    status, body = get(f"{base}/cog/tiles/WebMercatorQuad/{place}.npy?{query}")
    if isinstance(theirs, str) or status != 200:
        if isinstance(theirs, str) and status == 404:
            return []
        return [{"what": "tile", "tile": place, "ours": [status, body.decode("latin1")[:200]] if status != 200 else 200,
                 "theirs": str(theirs) if isinstance(theirs, str) else 200}]
    ours = numpy.load(io.BytesIO(body))
    lines = []
    our_values, our_mask = ours[:-1], ours[-1] != 0
    low = numpy.iinfo(their_mask.dtype).min if their_mask.dtype.kind in "iu" else numpy.finfo(their_mask.dtype).min
    their_mask = (their_mask != low) & (their_mask != 0) if theirs.alpha_mask is None else their_mask != 0
    if our_values.shape != their_values.shape or our_values.dtype != their_values.dtype:
        lines.append({"what": "shape", "tile": place, "ours": [str(our_values.dtype), our_values.shape],
                      "theirs": [str(their_values.dtype), their_values.shape]})
        return lines
    valid, their_valid = int(our_mask.sum()), int(their_mask.sum())
    other = int((our_mask != their_mask).sum())
    entry = {"what": "mask", "tile": place, "ours": valid, "theirs": their_valid, "other": other}
    if abs(valid - their_valid) > 0.005 * their_valid:
        lines.append(entry)
    both = our_mask & their_mask
    if both.any():
        a, b = our_values[0][both].astype(float), their_values[0][both].astype(float)
        gap = numpy.abs(a - b)
        # One pixel to the right or down changes the slope by this much.
        scale = {"uint8": 230.0, "int8": 110.0}.get(one["dtype"], 20000.0) / (3 if one["dtype"] in REALS else 1)
        per_px = scale * max(0.6 / one["width"], 0.4 / one["height"])
        mean_off = abs(numpy.nanmean(a) - numpy.nanmean(b)) / max(abs(numpy.nanmean(b)), 1e-9)
        shift = float(numpy.nanmedian(gap) / per_px)
        if both.sum() >= 50 and (mean_off > 0.002 or shift > 2.0):
            lines.append({"what": "values", "tile": place, "mean_off": round(float(mean_off), 5), "shift_px": round(shift, 3),
                          "equal": round(float((gap == 0).mean()), 3), "valid": int(both.sum())})
    return lines


def compare(a):
    folder = pathlib.Path(a.folder)
    listed = json.loads((folder / "list.json").read_text())
    found, kinds, clean = {}, collections.Counter(), 0
    for name, one in listed.items():
        lines = compare_one(folder / name, one, a.url)
        clean += not lines
        if lines:
            found[name] = {"file": one, "differences": lines}
            kinds.update({line["what"] for line in lines})
    print(f"{clean} of {len(listed)} files agree; of the others differ, by what: {dict(kinds)}")
    if a.out:
        pathlib.Path(a.out).write_text(json.dumps(found, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("make")
    verb.add_argument("folder")
    verb.add_argument("--count", type=int, default=400)
    verb.add_argument("--seed", type=int, default=1)
    verb.set_defaults(run=make)
    verb = verbs.add_parser("compare")
    verb.add_argument("folder")
    verb.add_argument("--url", required=True)
    verb.add_argument("--out")
    verb.set_defaults(run=compare)
    a = parser.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
