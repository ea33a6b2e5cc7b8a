//! `secretcat timeline`: the picture of a trace.

use std::fs;
use std::path::PathBuf;

use crate::support::{Dir, digits, run};

/// A run with a cut, and its trace and its picture.
fn recorded(dir: &Dir, options: &[&str]) -> (PathBuf, String) {
    let (trace, picture) = (dir.file("run.ndjson"), dir.file("run.svg"));
    let files = ["--trace", trace.to_str().unwrap(), "--timeline", picture.to_str().unwrap()];
    let args = ["connect", "--loopback", "--cut", "4", "--barrier", "peer-read", "-m", "SECRET 42"];
    run(args.iter().chain(&files).chain(options), "").is(0, digits("42"), "");
    (trace, fs::read_to_string(picture).unwrap())
}

#[test]
fn picture_of_a_trace_equals_that_of_the_run() {
    let dir = Dir::new("equal");
    for view in [&[][..], &["--timeline-view", "lanes"], &["--timeline-view", "ladder"]] {
        let (trace, picture) = recorded(&dir, view);
        assert!(picture.contains(">SECR<") && picture.contains(">SYN<"), "{picture}");
        assert_eq!(picture.contains("class=\"life\""), view.contains(&"ladder"), "{picture}");
        let path = trace.to_str().unwrap();
        run(["timeline", path].iter().chain(view), "").is(0, &picture, "");
        run(["timeline", "-", "-o", "-"].iter().chain(view), fs::read(&trace).unwrap()).is(0, &picture, "");
        let file = dir.file("again.svg");
        run(["timeline", path, "-o", file.to_str().unwrap()].iter().chain(view), "").is(0, "", "");
        assert_eq!(fs::read_to_string(&file).unwrap(), picture);
    }
}

#[test]
fn incomplete_trace_is_drawn_as_far_as_it_goes() {
    let dir = Dir::new("incomplete");
    let (trace, _) = recorded(&dir, &[]);
    let whole = fs::read(&trace).unwrap();
    let begin = memchr::memmem::rfind(&whole, b"\"ET 42").unwrap();
    for cut in [begin, begin + 700, whole.len() - 2] {
        let out = run(["timeline", "-"], &whole[..cut]);
        let drawn = String::from_utf8(out.stdout).unwrap();
        let warning = "secretcat: the trace is incomplete: it ends within a line\n";
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), warning));
        assert!(drawn.contains(">SECR<") && drawn.contains(">the trace is incomplete"), "{drawn}");
    }
    let last_line = memchr::memrchr(b'\n', &whole[..whole.len() - 1]).unwrap() + 1;
    let out = run(["timeline", "-"], &whole[..last_line]);
    let warning = "secretcat: the trace is incomplete: it ends before its connections are closed\n";
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), warning));
}

#[test]
fn bad_line_is_refused_with_its_number() {
    let start = "{\"t\":0,\"conn\":0,\"type\":\"start\",\"schema\":1,\"time\":\"\",\"version\":\"\",\"command\":[]}\n";
    let read = "{\"t\":0,\"conn\":1,\"type\":\"read\",\"offset\":0}\n";
    for (trace, error) in [
        (String::new(), "1:1: the trace is empty"),
        ("<svg>\n".into(), "1:1: expected value"),
        ("<svg>".into(), "1:1: expected value"),
        ("3\n".into(), "1:1: invalid type: integer `3`, expected an object"),
        ("\0\u{1b}\u{9b}\n".into(), "1:1: expected value"),
        ("a".repeat(10_000_000), "1:1: expected value"),
        (format!("{start}{{\n{start}"), "2:1: EOF while parsing an object"),
        (
            format!("{start}{{\"t\":\"\u{1b}\"}}\n"),
            "2:7: control character (\\u0000-\\u001F) found while parsing a string",
        ),
        (format!("{start}{read}"), "2:41: missing field `len`"),
        (format!("{start}{start}"), "2:1: a second run begins here, and a picture has one"),
        (start.replace("schema\":1", "schema\":2"), "1:1: the trace has schema 2, and this version reads 1"),
    ] {
        let line = format!("secretcat: stdin:{error} (timeline draws a file of --trace)\n");
        run(["timeline", "-"], &trace).is(2, "", line);
    }
    let line = "secretcat: open /nonexistent: no such file or directory\n";
    run(["timeline", "/nonexistent"], "").is(2, "", line);
    run(["timeline", "/"], "").is(2, "", "secretcat: read /: is a directory (name a file)\n");
}

#[test]
fn picture_has_a_name_that_ends_in_svg() {
    let dir = Dir::new("names");
    let file = dir.file("run.png");
    let name = file.to_str().unwrap();
    let why = format!("\"{name}\" is not the name of a picture: expected one that ends in .svg");
    let line = |option: &str| format!("secretcat: invalid value '{name}' for '{option}': {why}\n");
    run(["connect", "--loopback", "-m", "x", "--timeline", name], "").is(2, "", line("--timeline <FILE.svg>"));
    run(["timeline", "-", "-o", name], "").is(2, "", line("--output <FILE.svg>"));
    assert!(!file.exists());
}
