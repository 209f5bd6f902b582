//! The house rules that no compiler holds: who may import what, how long a file may be, that every dependency says why it
//! is here, and that what the coverage names is there.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import from the house itself. Services meet in stores, never in code.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("lua", &["domain", "mishaps"]),
    ("kafka", &["domain"]),
    ("ledger", &["domain"]),
    ("chassis", &["domain"]),
    ("web", &[]),
    ("gateway", &["chassis", "domain", "lua", "web"]),
    ("admission", &["chassis", "domain", "lua", "mishaps", "web"]),
    (
        "issuer",
        &["chassis", "domain", "kafka", "ledger", "lua", "mishaps"],
    ),
    (
        "persister",
        &["chassis", "domain", "kafka", "ledger", "lua", "mishaps"],
    ),
    ("client", &[]),
    (
        "stanchion",
        &[
            "admission",
            "chassis",
            "client",
            "domain",
            "gateway",
            "issuer",
            "kafka",
            "ledger",
            "lua",
            "persister",
        ],
    ),
    ("testbed", &[]),
    ("mishaps", &[]),
    ("model", &[]),
    ("e2e", &["client", "testbed"]),
    ("bench", &["client", "testbed"]),
];

/// Three stores, three doors, and one module that signs: these libraries have one importer each.
const DOORS: &[(&str, &str)] = &[
    ("redis", "lua"),
    ("rdkafka", "kafka"),
    ("sqlx", "ledger"),
    ("jsonwebtoken", "domain"),
];

/// Most lines of production code in one file.
const LONGEST_FILE: usize = 300;

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("e2e stands in the house")
        .to_owned()
}

fn manifest(room: &str) -> toml::Table {
    let path = house().join(room).join("Cargo.toml");
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(toml::Table::keys)
        .cloned()
        .collect()
}

#[test]
fn every_room_imports_only_what_it_may() {
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    let workspace = fs::read_to_string(house().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let members: BTreeSet<&str> = workspace["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    assert_eq!(
        members, rooms,
        "every member of the workspace has a row in ROOMS"
    );
    for (room, allowed) in ROOMS {
        let imported = names(&manifest(room), "dependencies");
        let inside: BTreeSet<&str> = imported
            .iter()
            .map(String::as_str)
            .filter(|name| rooms.contains(name))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(
            inside.is_subset(&allowed),
            "{room} may import {allowed:?} but imports {inside:?}"
        );
    }
}

#[test]
fn each_store_has_one_door() {
    for (room, _) in ROOMS {
        let imported = names(&manifest(room), "dependencies");
        for (library, door) in DOORS {
            assert!(
                room == door || !imported.contains(*library),
                "{room} imports {library}, which belongs to {door} alone"
            );
        }
    }
}

#[test]
fn every_room_lives_under_the_same_lints_and_versions() {
    for (room, _) in ROOMS {
        let manifest = manifest(room);
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "{room} inherits the lints"
        );
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, version) in table.into_iter().flatten() {
                let inherited = version.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(
                    inherited,
                    Some(true),
                    "{room} takes {name} from the workspace"
                );
            }
        }
    }
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let why = fs::read_to_string(house().join("docs/dependencies.md")).unwrap();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (room, _) in ROOMS {
        let manifest = manifest(room);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for name in names(&manifest, section)
                .iter()
                .filter(|name| !rooms.contains(name.as_str()))
            {
                assert!(
                    why.contains(&format!("`{name}`")),
                    "docs/dependencies.md has a line for `{name}` ({room})"
                );
            }
        }
    }
}

/// Every Rust source of the house, without what was built.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir()
            && !matches!(name, "target" | "node_modules" | "dist")
            && !name.starts_with('.')
        {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of production code: neither blank, nor comment, nor below the tests' gate.
fn production_lines(source: &str) -> usize {
    source
        .lines()
        .map(str::trim)
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// Is this a file of tests alone? Those stand in `tests` folders, or in modules of that name behind the tests' gate.
fn is_test(path: &Path) -> bool {
    path.iter()
        .any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut found = Vec::new();
    sources(&house(), &mut found);
    assert!(found.len() > 50, "the walk finds the house");
    for path in found.iter().filter(|path| !is_test(path)) {
        let lines = production_lines(&fs::read_to_string(path).unwrap());
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} production lines",
            path.display()
        );
    }
}

/// The rows that docs/coverage.md is to hold: an earlier system and how many rows it has.
const COVERED: [(&str, usize); 3] = [("S1", 49), ("S2", 33), ("S3", 33)];

/// What is wrong with a name in the coverage: a file, or a test in it as `file::test`. Commands and paths of calls are no names.
fn wrong_with(name: &str) -> Option<String> {
    let (path, test) = name
        .split_once("::")
        .map_or((name, None), |(path, test)| (path, Some(test)));
    let is_file = ["rs", "ts", "md", "sql", "lua", "yaml", "conf"]
        .iter()
        .any(|ending| {
            Path::new(path)
                .extension()
                .is_some_and(|extension| extension == *ending)
        });
    if !is_file || path.contains(' ') {
        return test.map(|_| format!("{name} names no file"));
    }
    match (fs::read_to_string(house().join(path)), test) {
        (Err(error), _) => Some(format!("{path}: {error}")),
        (Ok(source), Some(test)) if !source.contains(&format!("fn {test}(")) => {
            Some(format!("{path} has no {test}"))
        }
        (Ok(_), _) => None,
    }
}

#[test]
fn every_name_in_the_coverage_exists() {
    let coverage = fs::read_to_string(house().join("docs/coverage.md")).unwrap();
    let names = coverage.split('`').skip(1).step_by(2);
    let mut wrong: Vec<String> = names.filter_map(wrong_with).collect();
    for (system, rows) in COVERED {
        for row in 1..=rows {
            let row = format!("| {system}-{row:02} |");
            let found = coverage
                .lines()
                .filter(|line| line.starts_with(&row))
                .count();
            if found != 1 {
                wrong.push(format!("`{row}` is there {found} times"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Where metrics are made.
const MEASURED: [&str; 6] = [
    "admission",
    "chassis",
    "gateway",
    "issuer",
    "persister",
    "stanchion",
];

/// The names of metrics in a text: every word that begins like one.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_of_a_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let words = text.split(|letter| !is_of_a_name(letter));
    words
        .filter(|word| word.starts_with("stanchion_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_explained_and_no_other() {
    let mut found = Vec::new();
    for room in MEASURED {
        sources(&house().join(room).join("src"), &mut found);
    }
    let mut made = BTreeSet::new();
    for path in found.iter().filter(|path| !is_test(path)) {
        let source = fs::read_to_string(path).unwrap();
        // In the code a name stands in quotes.
        let quoted = source.split('"');
        let names = quoted.filter(|text| metrics_in(text).contains(*text));
        made.extend(names.map(str::to_owned));
    }
    assert!(made.len() > 20, "the walk finds them: {made:?}");
    let page = fs::read_to_string(house().join("docs/operating.md")).unwrap();
    assert_eq!(metrics_in(&page), made);
    // What else names metrics names these, histograms by their buckets.
    for path in [
        "compose/alerts.yml",
        "compose/grafana.json",
        "docs/architecture.md",
        "docs/guarantees.md",
        "web/src/console/unexplained.ts",
    ] {
        let text = fs::read_to_string(house().join(path)).unwrap();
        let mut named = metrics_in(&text);
        named.retain(|name| !made.contains(name.strip_suffix("_bucket").unwrap_or(name)));
        assert_eq!(named, BTreeSet::new(), "{path}");
    }
}
