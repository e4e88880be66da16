//! Makes the README's programs ready to be run by a test: they take the server and the file that it has.

use std::path::Path;

const PLACES: [(&str, &str); 3] = [
    ("\"http://localhost:9001\"", "crate::server()"),
    ("\"traffic.mp4\"", "crate::traffic()"),
    ("async fn ", "pub(crate) async fn "),
];

fn main() {
    // Asked when it runs: a build that was moved would look where it was made.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let readme = Path::new(&folder).join("../README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    let text = std::fs::read_to_string(readme).unwrap();
    let programs = text.split("```rust,no_run\n").skip(1).map(|rest| rest.split("```").next());
    let output = std::env::var("OUT_DIR").unwrap();
    for (index, program) in programs.enumerate() {
        let mut program = program.unwrap_or_default().to_owned();
        for (place, replacement) in PLACES {
            program = program.replace(place, replacement);
        }
        std::fs::write(Path::new(&output).join(format!("readme_{index}.rs")), program).unwrap();
    }
}
