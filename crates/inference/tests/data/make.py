#!/usr/bin/env python3
"""Makes the binary files beside it: needs numpy, h5py and onnx.

csk.h5: a product shaped like a COSMO-SkyMed ScanSAR GEC one: a mosaic `MBI` of 80 x 60 pixels with its quick looks.
dark.onnx, dark-640.onnx: a small network that compares a mean over 5 x 5 cells with one over 61 x 61 and calls a cell
oil when it lies 3 dB below; its input free, and fixed to 640 x 640.
"""
import sys
import h5py, numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper


def product(path):
    rng = np.random.default_rng(5)
    with h5py.File(path, "w") as file:
        file.attrs.update({
            "Mission ID": np.bytes_("CSK"), "Product Type": np.bytes_("GEC_B"), "Projection ID": np.bytes_("UTM"),
            "Acquisition Mode": np.bytes_("HUGEREGION"), "Ellipsoid Designator": np.bytes_("WGS84"),
            "Ellipsoid Semimajor Axis": 6378137.0, "Ellipsoid Semiminor Axis": 6356752.314245,
            "Map Projection Zone": np.int32(23), "Map Projection Scale Factor": 0.9996,
            "Map Projection Centre": np.array([0.0, -45.0]),
            "Map Projection False East-North": np.array([500000.0, 10000000.0]),
        })
        amplitude = (200 * np.sqrt(rng.gamma(4, 0.25, (60, 80)))).astype("u2") + 1
        amplitude[:5] = 0
        mosaic = file.create_dataset("MBI", data=amplitude, chunks=(20, 80), compression="gzip")
        mosaic.attrs.update({
            "Top Left East-North": np.array([612350.0, 7412850.0]), "Line Spacing": 125.0, "Column Spacing": 125.0,
        })
        look = (amplitude[::10, ::10] // 4).astype("u1")
        file.create_dataset("QLK", data=look)
        file.create_group("S01").create_dataset("QLK", data=look)


def network(path, sides):
    def weights(name, shape, value):
        return numpy_helper.from_array(np.full(shape, value, np.float32), name)

    def convolution(inputs, target, pads):
        steps = {"strides": [1, 1], "dilations": [1, 1]}
        return helper.make_node("Conv", inputs, [target], pads=pads + pads, **steps)

    nodes = [
        convolution(["db", "near"], "local", [2, 2]),
        convolution(["db", "down"], "column", [30, 0]),
        convolution(["column", "across"], "wide", [0, 30]),
        helper.make_node("Concat", ["local", "wide"], ["both"], axis=1),
        convolution(["both", "difference", "bias"], "score", [0, 0]),
        helper.make_node("Sigmoid", ["score"], ["oil"]),
    ]
    tensors = [
        weights("near", (1, 1, 5, 5), 1 / 25), weights("down", (1, 1, 61, 1), 1 / 61),
        weights("across", (1, 1, 1, 61), 1 / 61), weights("bias", (1,), -6.0),
        numpy_helper.from_array(np.array([-2, 2], np.float32).reshape(1, 2, 1, 1), "difference"),
    ]
    image = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, *sides])
    graph = helper.make_graph(nodes, "dark", [image("db")], [image("oil")], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    product(f"{folder}/csk.h5")
    network(f"{folder}/dark.onnx", ["rows", "columns"])
    network(f"{folder}/dark-640.onnx", [640, 640])
