//! Makes sure that the folder of the built map exists, so that the server also builds before the map does.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/dist");
    // An absent folder would make cargo run this script at every build.
    std::fs::create_dir_all(dist).expect("frontend/dist cannot be made");
    println!("cargo::rerun-if-changed={dist}");
}
