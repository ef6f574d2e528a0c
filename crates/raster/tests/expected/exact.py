"""What GDAL gives for tiles of files in the map's own projection: exact.json, beside this script.

Usage: exact.py SHARED_DATA_FOLDER    (with rio-tiler 9.4.12, rasterio 1.4.4 and its GDAL 3.10.3)
By itself rio-tiler pads such files by a row and a column before it picks pixels, where it need not warp them. Here it warps.
"""
import json
import pathlib
import sys
import warnings

import rasterio
import rio_tiler
from rio_tiler.io import Reader

warnings.filterwarnings("ignore")

# Where the mean or the number of valid pixels differs from rio-tiler's own: pixels' centres lie on edges, or the file is padded.
TILES = [
    ("cog/martin__usda_naip_256_lzw_z3.tif", 14), ("cog/martin__usda_naip_512_deflate_z2.tif", 16),
    ("cog/rio-tiler__cog_cmap.tif", 10), ("cog/rio-tiler__web.tif", 4), ("cog/rio-tiler__noweb.tif", 4),
    ("cog/rio-tiler__noweb.tif", 6), ("cog/rio-tiler__noweb.tif", 7),
]


def exact(folder, expected, name, zoom):
    [tile] = [tile for tile in expected[name]["tiles_webmercator_256_nearest"] if tile["z"] == zoom]
    with Reader(str(folder / name)) as reader:
        image = reader.tile(tile["x"], tile["y"], zoom, tilesize=256, vrt_options={"tolerance": 1e-5})
    mean = [float(band) for band in image.array.astype("float64").mean(axis=(1, 2))]
    return {"file": name, "z": zoom, "valid_px": int(image._mask.sum()), "mean": mean}


def main():
    folder = pathlib.Path(sys.argv[1])
    expected = json.loads((folder / "expected.json").read_text())["files"]
    made_with = {"rio_tiler": rio_tiler.__version__, "rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
    tiles = [json.dumps(exact(folder, expected, *tile)) for tile in TILES]
    text = '{"made_with": %s, "tiles": [\n%s\n]}\n' % (json.dumps(made_with), ",\n".join(tiles))
    pathlib.Path(__file__).with_name("exact.json").write_text(text)


if __name__ == "__main__":
    main()
