//! The document for users of the Python and JavaScript SDKs names tests that there are.

use std::path::Path;

/// The files that a line names, each with the tests that it names of it.
fn proofs(line: &str) -> Vec<(&str, Vec<&str>)> {
    let mut proofs: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut before = "";
    for (place, part) in line.split('`').enumerate() {
        if place % 2 == 0 {
            before = part;
        } else if part.ends_with(".rs") {
            proofs.push((part, Vec::new()));
        } else if let (": " | ", ", Some((_, tests))) = (before, proofs.last_mut()) {
            tests.push(part);
        }
    }
    proofs
}

#[test]
fn every_test_that_the_document_names_is_in_the_file_that_it_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = std::fs::read_to_string(root.join("docs/python-parity.md")).unwrap();
    let mut checked = 0;
    for (file, tests) in document.lines().flat_map(proofs) {
        let source = std::fs::read_to_string(root.join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        for test in tests {
            assert!(source.contains(&format!("fn {test}(")), "{file} has no test {test}");
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn files_and_their_tests_are_found_in_a_line() {
    let line = "| `Type::of(x)`, `y` | `a.rs`: `one`, `two`; `b.rs`: `three` | as `z` |";
    assert_eq!(proofs(line), [("a.rs", vec!["one", "two"]), ("b.rs", vec!["three"])]);
}
