//! The files that options name for outputs: two of one file, `-`, and files that cannot be written.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::support::{Dir, digits, run_command, secretcat};

#[test]
fn two_names_of_one_file_are_refused() {
    let dir = Dir::new("same");
    fs::create_dir(dir.file("a")).unwrap();
    fs::write(dir.file("old"), "old").unwrap();
    fs::hard_link(dir.file("old"), dir.file("hard")).unwrap();
    for (link, target) in [("soft", "old"), ("empty", "new"), ("chain", "empty"), ("b", "a"), ("circle", "circle")] {
        symlink(target, dir.file(link)).unwrap();
    }
    let absolute = |name: &str| dir.file(name).to_str().unwrap().to_owned();
    let (old, new) = (absolute("old"), absolute("new"));
    let files = ["connect", "--loopback", "-m", "x"];
    let cases: [(&[&str], &str, &str, &str); 16] = [
        (&files, "--trace old", "--pcap old", ""),
        (&files, "--trace new", "--pcap ./new", ""),
        (&files, "--trace new", "--transcript a/../new", ""),
        (&files, "--pcap new", "--dump new/", ""),
        (&files, "--trace a/new", "--transcript b/new", ""),
        (&files, "--trace b/../new", "--pcap new", ""),
        (&files, "--trace new", "--pcap", &new),
        (&files, "--trace old", "--pcap", &old),
        (&files, "--trace old", "--transcript hard", ""),
        (&files, "--pcap soft", "--transcript hard", ""),
        (&files, "--trace new", "--pcap empty", ""),
        (&files, "--transcript chain", "--pcap empty", ""),
        (&["sweep", ":1", "-m", "x"], "--junit new", "--html ./new", ""),
        (&["sweep", ":1", "-m", "x"], "--html new", "--pcap ./new", ""),
        (&["sweep", "--client", "true {address}", "--replies", "old"], "--junit new", "--pcap empty", ""),
        (&["send", "old", ":1"], "--trace hard", "", ""),
    ];
    for (command, first, second, path) in cases {
        let words = [first, second]
            .into_iter()
            .flat_map(str::split_whitespace)
            .chain([path].into_iter().filter(|path| !path.is_empty()));
        let out = run_command(secretcat(command).args(words).current_dir(dir.path()), "");
        let option = |words: &str| words.split_whitespace().next().unwrap_or_default().to_owned();
        let (first, second) = match second {
            "" => ("the file to send".to_owned(), option(first)),
            _ => (option(first), option(second)),
        };
        // The order is that of the outputs, and not that of the command line.
        let line = |a: &str, b: &str| format!("secretcat: {a} and {b} are the same file: name another one with {b}\n");
        assert!(
            [line(&first, &second), line(&second, &first)].contains(&out.stderr),
            "{first} {second}: {}",
            out.stderr
        );
        assert_eq!((out.status, fs::read_to_string(dir.file("old")).unwrap()), (Some(2), "old".to_owned()));
        assert!(!dir.file("new").exists() && !dir.file("a/new").exists());
    }
    // Other files, devices, and a circle of links, which cannot be opened.
    for words in ["--trace new --pcap a/new", "--trace /dev/null --pcap /dev/null", "--timeline new.svg --trace new"] {
        let out = run_command(secretcat(files).args(words.split(' ')).current_dir(dir.path()), "");
        assert_eq!((out.status, &*out.stderr), (Some(0), ""), "{words}");
    }
    let out = run_command(secretcat(files).args(["--trace", "circle", "--pcap", "circle"]).current_dir(dir.path()), "");
    assert_eq!(out.status, Some(2), "{}", out.stderr);
}

#[test]
fn output_to_the_file_of_a_standard_stream_is_refused() {
    let dir = Dir::new("streams");
    let file = dir.file("t");
    for (stream, names) in [("stdin", ["t", "./t"]), ("stdout", ["t", "/dev/stdout"]), ("stderr", ["t", "/dev/stderr"])]
    {
        for name in names {
            fs::write(&file, "SECRET 1\n").unwrap();
            let mut command = secretcat(["connect", "--loopback", "--trace", name]);
            command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let open = || Stdio::from(File::options().read(true).append(true).open(&file).unwrap());
            match stream {
                "stdin" => command.stdin(open()),
                "stdout" => command.stdout(open()),
                _ => command.stderr(open()),
            };
            let out = command.output().unwrap();
            let line = format!("secretcat: {stream} and --trace are the same file: name another one with --trace\n");
            let written = fs::read_to_string(&file).unwrap();
            let expected = if stream == "stderr" { format!("SECRET 1\n{line}") } else { "SECRET 1\n".to_owned() };
            assert_eq!((out.status.code(), written), (Some(2), expected), "{stream}, {name}");
            assert!(stream == "stderr" || out.stderr == line.as_bytes());
        }
    }
}

/// The replies on stdout and the packets would be mixed.
#[test]
fn capture_to_a_pipe_of_stdout_needs_a_stdout_without_replies() {
    let out = run_command(&mut secretcat(["connect", "--loopback", "-m", "SECRET 1", "--pcap", "/dev/stdout"]), "");
    out.is(2, "", "secretcat: stdout and --pcap are the same file: name another one with --pcap\n");
    let server = crate::support::Server::start(&["--pcap", "/dev/stdout"]);
    run_command(&mut secretcat(["connect", &server.address(), "-m", "SECRET 1"]), "").is(0, digits("1"), "");
    let out = server.stop();
    assert_eq!((out.status, &out.stdout[..4]), (Some(0), &[10, 13, 13, 10][..]), "{}", out.stderr);
}
