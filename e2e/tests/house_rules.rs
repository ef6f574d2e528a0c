//! The house stands as drawn: dependencies between members run one way.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Who may use whom (directly, outside tests). What is not listed is forbidden.
const MAY_USE: &[(&str, &[&str])] = &[
    ("aurora-tile", &[]),
    ("aurora-raster", &["aurora-tile"]),
    ("aurora-database", &[]),
    ("aurora-catalog", &["aurora-database"]),
    ("aurora-queue", &["aurora-database"]),
    ("aurora-daemon", &[]),
    ("aurora-inference", &["aurora-daemon"]),
    ("aurora-indexer", &["aurora-queue", "aurora-catalog", "aurora-database", "aurora-raster", "aurora-daemon"]),
    ("aurora-server", &["aurora-raster", "aurora-catalog", "aurora-tile", "aurora-daemon"]),
    ("aurora-perf", &["aurora-tile", "aurora-daemon"]),
    ("aurora-fixtures", &["aurora-daemon"]),
    ("aurora-e2e", &["aurora-tile", "aurora-daemon"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().exec().expect("cargo metadata")
}

/// Direct dependencies of each member, tests' own left out.
fn uses(metadata: &Metadata) -> BTreeMap<&str, BTreeSet<&str>> {
    let members = metadata.workspace_packages().into_iter();
    members
        .map(|package| {
            let used = package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal);
            (package.name.as_str(), used.map(|used| used.name.as_str()).collect())
        })
        .collect()
}

#[test]
fn members_use_only_what_the_house_allows() {
    let metadata = metadata();
    for (member, used) in uses(&metadata) {
        let (_, allowed) = MAY_USE.iter().find(|(name, _)| *name == member).expect("a member this test knows");
        for name in used.iter().filter(|name| name.starts_with("aurora-")) {
            assert!(allowed.contains(name), "{member} must not depend on {name}");
        }
    }
}

#[test]
fn only_inference_links_gdal() {
    let metadata = metadata();
    for (member, used) in uses(&metadata) {
        let links_gdal = used.iter().any(|name| matches!(*name, "gdal" | "gdal-sys"));
        assert_eq!(links_gdal, member == "aurora-inference", "{member}");
    }
}

#[test]
fn the_tile_path_knows_no_database() {
    let metadata = metadata();
    for (member, used) in uses(&metadata) {
        let keeps_tables = used.contains("sqlx");
        let may = ["aurora-database", "aurora-catalog", "aurora-queue", "aurora-indexer"].contains(&member);
        assert!(may || !keeps_tables, "{member} must not use sqlx");
    }
}
