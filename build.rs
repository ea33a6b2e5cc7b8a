//! Compresses the manual pages and the completions, which the program prints (src/documents).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use miniz_oxide::deflate::{CompressionLevel, compress_to_vec};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut table = String::new();
    for (name, directory) in [("MANUAL", "man"), ("COMPLETIONS", "completions")] {
        println!("cargo::rerun-if-changed={directory}");
        let _ = writeln!(table, "pub(super) static {name}: &[Document] = &[");
        for file in documents(&root.join(directory)) {
            let text = fs::read(&file).expect("a document can be read");
            let name = file.file_name().and_then(|name| name.to_str()).expect("its name is text");
            fs::write(out.join(name), compress_to_vec(&text, CompressionLevel::UberCompression as u8))
                .expect("OUT_DIR is writable");
            let (size, packed) = (text.len(), format!(r#"include_bytes!(concat!(env!("OUT_DIR"), "/{name}"))"#));
            let _ = writeln!(table, "    Document {{ file: {name:?}, size: {size}, packed: {packed} }},");
        }
        table.push_str("];\n");
    }
    fs::write(out.join("documents.rs"), table).expect("OUT_DIR is writable");
}

/// The files of a directory, without the frames of manual pages, in the order of their names.
fn documents(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let files = entries.map(|entry| entry.expect("an entry can be read").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_none_or(|extension| extension != "in")).collect();
    files.sort();
    files
}
