//! Says of each convolution how large its kernel is where the file leaves that to be told from the weights, as ONNX
//! allows (operator `Conv`, attribute `kernel_shape`). The runtime takes its defaults for strides, dilations and
//! padding from that attribute, and without it has none.
//!
//! It runs nothing. A [`Network`](super::Network) is loaded from what it answers.

use std::{collections::HashMap, fs::File, path::Path};

use rten_onnx::onnx::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, TensorProto};

/// Operators that have a kernel, their second input: `[out, in, sides …]`.
const CONVOLUTIONS: [&str; 3] = ["Conv", "ConvInteger", "ConvTranspose"];

const KERNEL_SHAPE: &str = "kernel_shape";

/// The model at `path` with every kernel's shape told; `None` when it tells them already, or they are nowhere to be
/// found. What is not kept on the way the runtime does not read either.
///
/// # Errors
/// When it is no ONNX model: why.
pub(super) fn told(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut model = ModelProto::parse_file(file).map_err(|error| error.to_string())?;
    let Some(graph) = &mut model.graph else { return Ok(None) };
    // Weights beside the file are found by the file's path alone.
    if graph.initializer.iter().any(|weights| !weights.external_data.is_empty()) || !tell(graph) {
        return Ok(None);
    }
    model.write_buf().map(Some).map_err(|error| error.to_string())
}

/// Tells what is not told; answers whether there was anything.
fn tell(graph: &mut GraphProto) -> bool {
    let sides = sides(graph);
    let mut changed = false;
    for node in graph.node.iter_mut().filter(|node| is_silent(node)) {
        let Some(sides) = node.input.get(1).and_then(|weights| sides.get(weights)) else { continue };
        node.attribute.push(AttributeProto {
            name: Some(KERNEL_SHAPE.to_owned()),
            ints: sides.clone(),
            r#type: Some(AttributeType::INTS),
            ..AttributeProto::default()
        });
        changed = true;
    }
    changed
}

fn is_silent(node: &NodeProto) -> bool {
    let is_convolution = node.op_type.as_deref().is_some_and(|operator| CONVOLUTIONS.contains(&operator));
    is_convolution && !node.attribute.iter().any(|attribute| attribute.name.as_deref() == Some(KERNEL_SHAPE))
}

/// Sides of all weights that are constant, by name: their dimensions without the two of channels.
fn sides(graph: &GraphProto) -> HashMap<String, Vec<i64>> {
    let of = |weights: &TensorProto| weights.dims.get(2..).map(<[i64]>::to_vec);
    let stored = graph.initializer.iter().filter_map(|weights| Some((weights.name.clone()?, of(weights)?)));
    let constants = graph.node.iter().filter(|node| node.op_type.as_deref() == Some("Constant"));
    let made = constants.filter_map(|node| {
        let weights = node.attribute.iter().find_map(|attribute| attribute.t.as_ref())?;
        Some((node.output.first()?.clone(), of(weights)?))
    });
    stored.chain(made).collect()
}
