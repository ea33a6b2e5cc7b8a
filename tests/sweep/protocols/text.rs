//! The presets of text protocols: good servers pass, and a server is afterwards as it was before.

use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{expect_same, sweep};
use crate::support::servers::{self, Place, port};
use crate::support::sweep::UNHURRIED;
use crate::support::{Dir, Proc, exchange, is_root, poll_until, run, skip, tcp};

/// What a server answers to these bytes, until it closes the connection.
#[track_caller]
fn ask(address: &str, request: &str) -> String {
    String::from_utf8_lossy(&exchange(tcp(address.parse().unwrap()), request.as_bytes())).into_owned()
}

/// A module of Debian's Python that is a program, with these arguments and the port after them.
#[track_caller]
fn debian_module(module: &str, args: impl Fn(&mut Command, &str)) -> Option<(Proc, String)> {
    let has = Command::new("/usr/bin/python3").args(["-c", &format!("import {module}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        skip::skip(&format!("python3-{module}"));
        return None;
    }
    servers::start("/usr/bin/python3", Place::Port, |command, address| {
        args(command.args(["-u", "-m", module]), address);
    })
}

#[track_caller]
fn aiosmtpd() -> Option<(Proc, String)> {
    debian_module("aiosmtpd", |command, address| {
        command.args(["-n", "-c", "aiosmtpd.handlers.Debugging", "stdout", "-l", address]);
    })
}

const MAIL: &str = "MESSAGE FOLLOWS";

#[test]
fn smtp_has_no_differences_and_delivers_nothing() {
    let Some((proc, address)) = aiosmtpd() else { return };
    expect_same(&address, "smtp", &[]);
    assert_eq!(String::from_utf8_lossy(&proc.output_so_far().0), "");
}

#[test]
fn smtp_deliver_reports_the_number_of_its_mails() {
    let Some((proc, address)) = aiosmtpd() else { return };
    let args = ["sweep", &address, "--protocol", "smtp:deliver", "--families", "cut", "--quiet"];
    let out = run(args.iter().chain(&UNHURRIED), "");
    assert_eq!(out.status, Some(0), "{out:?}");
    let says = "the dialog sends 2 mails to postmaster on each connection: 10 messages on each of ";
    assert!(out.stderr.starts_with(says), "{}", out.stderr);
    let mails = proc.wait_for_stdout(MAIL).matches(MAIL).count();
    assert!(mails > 400, "{mails}");
}

/// Dovecot without users, on this port for IMAP or POP3.
#[track_caller]
fn dovecot(dir: &Dir, protocol: &str) -> Option<(Proc, String)> {
    if !is_root() {
        skip::skip("not root: Dovecot");
        return None;
    }
    servers::start("dovecot", Place::Port, |command, address| {
        let (path, port) = (dir.path().display(), port(address));
        let version = Command::new("dovecot").env("PATH", "/usr/sbin:/usr/bin:/bin").arg("--version").output().unwrap();
        // The names of the settings are others since 2.4.
        let is_old = version.stdout.starts_with(b"2.3");
        let head = if is_old {
            "listen = 127.0.0.1\n".to_owned()
        } else {
            let version = String::from_utf8_lossy(&version.stdout);
            let version = version.split_whitespace().next().unwrap_or_default();
            format!("dovecot_config_version = {version}\ndovecot_storage_version = {version}\nlisten = 127.0.0.1\n")
        };
        let users = if is_old {
            "passdb {\n driver = static\n args = nopassword\n}\nuserdb {\n driver = static\n args = uid=nobody gid=nogroup home=/nonexistent\n}\n"
        } else {
            "passdb static {\n password = none\n}\nuserdb static {\n fields {\n uid = nobody\n gid = nogroup\n home = /nonexistent\n }\n}\n"
        };
        let config = format!(
            "{head}base_dir = {path}/run\nstate_dir = {path}/state\nlog_path = {path}/log\nprotocols = {protocol}\nssl = no\n\
             default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\n\
             service anvil {{\n chroot =\n}}\nservice {protocol}-login {{\n chroot =\n inet_listener {protocol} {{\n \
             port = {port}\n }}\n inet_listener {protocol}s {{\n port = 0\n }}\n}}\n{users}"
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-F").arg("-c").arg(dir.file("conf"));
    })
}

/// No client of Dovecot has logged in. Stops it, with the processes that it has started.
#[track_caller]
fn expect_no_login(proc: Proc, dir: &Dir) {
    proc.signal(Signal::TERM);
    proc.end();
    let log = std::fs::read_to_string(dir.file("log")).unwrap();
    assert!(log.contains("no auth attempts") && !log.contains("-login: Info: Login:"), "{log}");
}

#[test]
fn pop3_has_no_differences_and_no_login() {
    let dir = Dir::new("preset-pop3");
    let Some((proc, address)) = dovecot(&dir, "pop3") else { return };
    expect_same(&address, "pop3", &[]);
    expect_no_login(proc, &dir);
}

/// Dovecot 2.3.19 parses the parameters of ID as if the list had begun if they are not there with `ID `.
#[test]
fn imap_differs_only_in_id_and_no_login() {
    let dir = Dir::new("preset-imap");
    let Some((proc, address)) = dovecot(&dir, "imap") else { return };
    let found = sweep(&address, "imap", &["--families", "cut"]);
    let known = json!([{ "message": 3, "offset": 6 }, { "message": 4, "offset": 6 }]);
    assert!(found["differing_cuts"] == known || found["differing_cuts"] == json!([]), "{found:#}");
    assert_eq!(found["verdicts"]["not_proven"], 0, "{found:#}");
    assert_eq!(found["expected"]["replies"][0].as_str().map(|greeting| &greeting[..4]), Some("* OK"), "{found:#}");
    expect_no_login(proc, &dir);
}

#[track_caller]
fn pyftpdlib(dir: &Dir) -> Option<(Proc, String)> {
    debian_module("pyftpdlib", |command, address| {
        command.args(["-i", "127.0.0.1", "-p", port(address), "-d"]).arg(dir.path());
    })
}

const LOGIN: &str = "USER 'anonymous' logged in";

#[test]
fn ftp_has_no_differences_and_no_login() {
    let dir = Dir::new("preset-ftp");
    let Some((proc, address)) = pyftpdlib(&dir) else { return };
    expect_same(&address, "ftp", &[]);
    let log = proc.wait_for_stderr("FTP session closed");
    assert!(!log.contains(LOGIN), "{log}");
}

#[test]
fn ftp_login_only_reads() {
    let dir = Dir::new("preset-ftp-login");
    std::fs::write(dir.file("a"), "b").unwrap();
    let Some((proc, address)) = pyftpdlib(&dir) else { return };
    expect_same(&address, "ftp:login", &["--families", "cut"]);
    let log = proc.wait_for_stderr(LOGIN);
    assert!(!log.contains("STOR") && !log.contains("DELE"), "{log}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn ftp_has_no_differences_where_a_login_comes_first() {
    let dir = Dir::new("preset-vsftpd");
    let Some((_proc, address)) = servers::start("vsftpd", Place::Port, |command, address| {
        let path = dir.path().display();
        let config = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={}\nbackground=NO\nanonymous_enable=YES\n\
             local_enable=NO\nsecure_chroot_dir={path}\nanon_root={path}\nseccomp_sandbox=NO\n{}",
            port(address),
            if is_root() { "" } else { "run_as_launching_user=YES\n" }
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg(dir.file("conf"));
    }) else {
        return;
    };
    expect_same(&address, "ftp", &[]);
}

/// The users that an IRC server counts: its reply to LUSERS.
#[track_caller]
fn users(address: &str) -> String {
    let replies = ask(address, "NICK counter\r\nUSER a 0 * :a\r\nLUSERS\r\nQUIT\r\n");
    let line = replies.lines().find(|line| line.contains(" 251 "));
    line.unwrap_or_else(|| panic!("{replies}")).to_owned()
}

#[test]
fn irc_has_no_differences_and_leaves_no_user() {
    let dir = Dir::new("preset-irc");
    let Some((_proc, address)) = servers::start("ngircd", Place::Port, |command, address| {
        let config = format!(
            "[Global]\nName = irc.example.net\nListen = 127.0.0.1\nPorts = {}\nMotdPhrase = hello\n{}\
             [Limits]\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\n",
            port(address),
            if is_root() { "ServerUID = nobody\nServerGID = nogroup\n" } else { "" }
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-n").arg("-f").arg(dir.file("conf"));
    }) else {
        return;
    };
    let before = users(&address);
    expect_same(&address, "irc", &[]);
    // The server may notice the end of the last connection after its client.
    poll_until("the users are as before", || {}, || users(&address) == before);
}

/// A name that a connection gives itself is one that no connection of another sweep has.
#[test]
fn ids_of_two_sweeps_differ() {
    let dir = Dir::new("ids");
    let Some((_proc, address)) = servers::redis(Place::Port, &dir) else { return };
    let path = dir.file("dialog");
    std::fs::write(&path, "mask [0-9]+\nsend SET {id} 1\\r\\n\nexpect frames 1\n").unwrap();
    for _ in 0..2 {
        let out = run(["sweep", &address, "--max-plans", "8", "--dialog", path.to_str().unwrap()], "");
        assert_ne!(out.status, Some(3), "{out:?}");
    }
    let size = ask(&address, "DBSIZE\r\nQUIT\r\n");
    let keys: u32 = size.lines().next().and_then(|line| line.strip_prefix(':')?.parse().ok()).unwrap();
    assert!(keys >= 2 * (8 + 2), "{size}");
}

#[test]
fn redis_has_no_differences_and_writes_nothing() {
    let dir = Dir::new("preset-redis");
    let Some((_proc, address)) = servers::redis(Place::Port, &dir) else { return };
    assert!(ask(&address, "SET kept value\r\nQUIT\r\n").starts_with("+OK"));
    let state = || {
        let replies = ask(&address, "DBSIZE\r\nGET kept\r\nINFO persistence\r\nQUIT\r\n");
        let (head, info) = replies.split_at(20);
        let changes = info.lines().find(|line| line.starts_with("rdb_changes_since_last_save:"));
        (head.to_owned(), changes.unwrap_or_else(|| panic!("{replies}")).to_owned())
    };
    let before = state();
    expect_same(&address, "redis", &[]);
    assert_eq!(state(), before);
}

#[track_caller]
fn memcached() -> Option<(Proc, String)> {
    servers::start("memcached", Place::Port, |command, address| {
        command.args(["-l", "127.0.0.1", "-p", port(address), "-U", "0"]);
        if is_root() {
            command.args(["-u", "nobody"]);
        }
    })
}

/// One figure of a cache.
#[track_caller]
fn figure(address: &str, name: &str) -> u64 {
    let stats = ask(address, "stats\r\nquit\r\n");
    let value = stats.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} ")));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{stats}"))
}

#[test]
fn memcached_has_no_differences_and_stores_nothing() {
    let Some((_proc, address)) = memcached() else { return };
    expect_same(&address, "memcached", &[]);
    assert!(figure(&address, "cmd_get") > 1000);
    for name in ["cmd_set", "cmd_flush", "cmd_touch", "total_items"] {
        assert_eq!(figure(&address, name), 0, "{name}");
    }
}

#[test]
fn memcached_store_deletes_its_values() {
    let Some((_proc, address)) = memcached() else { return };
    expect_same(&address, "memcached:store", &["--families", "cut,joined"]);
    assert!(figure(&address, "cmd_set") > 1000);
    assert_eq!(figure(&address, "curr_items"), 0);
}

/// A dialog of a file is held as it says, and its masks, ignored lines and errors apply.
#[test]
fn dialog_of_a_file_is_held() {
    let dir = Dir::new("dialog-file");
    let Some((_proc, address)) = servers::redis(Place::Port, &dir) else { return };
    let path = dir.file("redis.dialog");
    let sweep = |text: &str| {
        std::fs::write(&path, text).unwrap();
        run(["sweep", &address, "--json", "--quiet", "--dialog", path.to_str().unwrap()].iter().chain(&UNHURRIED), "")
    };
    let out = sweep(
        "mask [0-9]+\nignore ^\\$\nsend INCR {id}\\r\\nTIME\\r\\n\nexpect frames 4\nsend QUIT\\r\\n\nexpect close\n",
    );
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!((out.status, &found["messages"][0]), (Some(0), &json!("INCR 00000000\\r\\nTIME\\r\\n")), "{found:#}");
    assert_eq!(found["expected"]["replies"].as_array().map(Vec::len), Some(5), "{found:#}");
    let out = sweep("error ^-ERR\nsend nonsense\\r\\n\nexpect frames 1\n");
    assert_eq!(out.status, Some(4), "{out:?}");
    let out = sweep("send PING\\r\\n\nexpect frames none\n");
    let place = format!("secretcat: dialog {}:2:15: ", path.display());
    assert_eq!(out.status, Some(2), "{out:?}");
    assert_eq!(out.stderr, format!("{place}expect frames takes a number, 1 or more\n"));
}
