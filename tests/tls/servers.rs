//! Our client with the TLS servers of others.

use std::process::Command;

use crate::support::servers::{Place, port, start};
use crate::support::tls::{Certs, args};
use crate::support::{NOT_FOUND, Proc, Server, digits, run, secretcat, skip};

/// A server that answers lines: its name, its program, its address, and its reply to `abc`.
struct LineServer {
    name: String,
    _proc: Proc,
    address: String,
    reply: &'static str,
}

/// Starts each server with each version of TLS.
fn line_servers(certs: &Certs) -> Vec<LineServer> {
    let mut servers = Vec::new();
    let mut add = |name: &str, version: &str, started: Option<(Proc, String)>, reply| {
        if let Some((proc, address)) = started {
            servers.push(LineServer { name: format!("{name} {version}"), _proc: proc, address, reply });
        }
    };
    for version in ["1.2", "1.3"] {
        let openssl = start("openssl", Place::Port, |command, address| {
            command.args(["s_server", "-rev", "-quiet", "-accept", address, "-cert"]).arg(certs.path("both.pem"));
            command.arg(format!("-tls{}", version.replace('.', "_")));
        });
        add("openssl", version, openssl, "cba\n");
        let gnutls = start("gnutls-serv", Place::Port, |command, address| {
            command
                .args(["--echo", "--quiet", "--port", port(address), "--x509certfile"])
                .arg(certs.path("server.pem"));
            command.arg("--x509keyfile").arg(certs.path("server.key"));
            command.args(["--priority", &format!("NORMAL:-VERS-ALL:+VERS-TLS{version}")]);
        });
        add("gnutls-serv", version, gnutls, "abc\n");
        let socat = start("socat", Place::Port, |command, address| {
            let protocol = format!("openssl-min-proto-version=TLS{version},openssl-max-proto-version=TLS{version}");
            let cert = certs.text("both.pem");
            let port = port(address);
            command
                .arg(format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,fork,verify=0,cert={cert},{protocol}"))
                .arg("PIPE");
        });
        add("socat", version, socat, "abc\n");
        add("node", version, node(certs, version), "cba\n");
        let python = Server::python(
            "tls.py",
            &["serve", "answer", &certs.text("server.pem"), &certs.text("server.key"), version],
        );
        add(
            "python",
            version,
            python.map(|server| (server.address(), server.proc)).map(|(address, proc)| (proc, address)),
            NOT_FOUND,
        );
    }
    servers
}

/// A server that answers each line with its reverse.
fn node(certs: &Certs, version: &str) -> Option<(Proc, String)> {
    let script = r#"
        const [cert, key, version] = process.argv.slice(1), fs = require("fs");
        const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key), minVersion: version, maxVersion: version };
        const server = require("tls").createServer(options, socket => {
            let held = "";
            socket.on("error", () => {});
            socket.on("data", data => {
                const lines = (held + data).split("\n");
                held = lines.pop();
                for (const line of lines) socket.write([...line].reverse().join("") + "\n");
            });
        });
        server.listen(0, "127.0.0.1", () => process.stderr.write(`listening on 127.0.0.1:${server.address().port}\n`));
    "#;
    let mut command = Command::new("node");
    command
        .args(["-e", script])
        .arg(certs.path("server.pem"))
        .arg(certs.path("server.key"))
        .arg(format!("TLSv{version}"));
    let server = skip::has_program("node").then(|| Server::from_command(&mut command))?;
    let address = server.address();
    Some((server.proc, address))
}

#[test]
fn messages_are_answered_by_every_server() {
    let certs = Certs::new("servers");
    for server in line_servers(&certs) {
        let base = [vec!["connect".to_owned(), server.address.clone()], certs.ca().to_vec()].concat();
        let out = run(&base, "abc\n".repeat(200));
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{}", server.name);
        assert_eq!(String::from_utf8_lossy(&out.stdout), server.reply.repeat(200), "{}", server.name);
        for more in
            [&["-m", "abc"][..], &["--chunk", "1", "-m", "abc"], &["--cut-layer", "tcp", "--chunk", "7", "-m", "abc"]]
        {
            let out = run(base.iter().map(String::as_str).chain(more.iter().copied()), "");
            let got = (out.status, String::from_utf8_lossy(&out.stdout).into_owned(), out.stderr);
            assert_eq!(got, (Some(0), server.reply.to_owned(), String::new()), "{} {more:?}", server.name);
        }
    }
}

#[test]
fn proxies_decrypt_for_our_plain_listener() {
    let certs = Certs::new("proxies");
    let listener = Server::start(&[]);
    let haproxy = start("haproxy", Place::Port, |command, address| {
        let config = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
             listen tls\n bind {address} ssl crt {}\n server ours {}\n",
            certs.text("both.pem"),
            listener.address()
        );
        std::fs::write(certs.path("haproxy"), config).unwrap();
        command.arg("-db").arg("-f").arg(certs.path("haproxy"));
    });
    let stunnel = start("stunnel", Place::Port, |command, address| {
        let config = format!(
            "foreground = yes\npid =\n[tls]\naccept = {address}\nconnect = {}\ncert = {}\n",
            listener.address(),
            certs.text("both.pem")
        );
        std::fs::write(certs.path("stunnel"), config).unwrap();
        command.arg(certs.path("stunnel"));
    });
    for (_proxy, address) in [haproxy, stunnel].into_iter().flatten() {
        let base = args([&["connect".to_owned(), address][..], &certs.ca()]);
        run(&base, "SECRET 1\nx\n").is(0, digits("1") + NOT_FOUND, "");
    }
}

#[test]
fn nginx_answers_http_over_tls() {
    let certs = Certs::new("nginx");
    let nginx = start("nginx", Place::Port, |command, address| {
        let root = certs.dir.path().display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {root}/temp;\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;\nevents {{}}\n\
             http {{ access_log off; {temp} server {{ listen {address} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {root}/server.pem; \
             ssl_certificate_key {root}/server.key; location / {{ return 200 \"$ssl_protocol\"; }} }} }}\n"
        );
        std::fs::write(certs.path("conf"), config).unwrap();
        command.args(["-e", "stderr", "-p"]).arg(certs.dir.path()).arg("-c").arg(certs.path("conf"));
    });
    let Some((_nginx, address)) = nginx else { return };
    let base = args([&["connect".to_owned(), address.clone()][..], &certs.ca()]);
    let request = "GET / HTTP/1.0\r\n\r\n";
    // It does not close TLS for a client that has ended.
    let out = run(base.iter().map(String::as_str).chain(["--raw", "--no-shutdown"]), request);
    let reply = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("TLSv1.3"), "{reply:?}");
    // Plain text on its TLS port is answered in plain text.
    let plain = run(["connect", &address, "--raw"], request);
    assert!(String::from_utf8_lossy(&plain.stdout).contains("plain HTTP request was sent to HTTPS port"));
}

#[test]
fn server_that_wants_a_certificate_gets_ours() {
    let certs = Certs::new("wants-ours");
    let files = ["server.pem", "server.key", "ca.pem"].map(|name| certs.text(name));
    for version in ["1.2", "1.3"] {
        let options = ["serve", "answer", &files[0], &files[1], version, &files[2]];
        let Some(server) = Server::python("tls.py", &options) else { return };
        let base = args([&["connect".to_owned(), server.address()][..], &certs.ca()]);
        let with = args([&base, &certs.identity("client")[..]]);
        run(&with, "SECRET 12\n").is(0, digits("12"), "");
        let without = run(&base, "SECRET 12\n");
        assert_eq!((without.status, without.stdout.as_slice()), (Some(1), &b""[..]));
        // OpenSSL refuses with the alert of TLS 1.2 for a failed handshake.
        let text = if version == "1.2" { "handshake failure (it may" } else { "certificate required (it wants" };
        assert!(without.stderr.contains(text), "TLS {version}: {}", without.stderr);
    }
}

#[test]
fn alpn_and_versions_are_those_of_the_options() {
    let certs = Certs::new("alpn");
    let server = start("openssl", Place::Port, |command, address| {
        command.args(["s_server", "-rev", "-quiet", "-accept", address, "-alpn", "b,a", "-tls1_2", "-cert"]);
        command.arg(certs.path("both.pem"));
    });
    let Some((_openssl, address)) = server else { return };
    let connect = |more: &[&str]| {
        let base = args([&["connect".to_owned(), address.clone(), "-m".to_owned(), "abc".to_owned()][..], &certs.ca()]);
        run_owned(&base, more)
    };
    connect(&["--tls-alpn", "a"]).is(0, "cba\n", "");
    let out = connect(&["--tls-alpn", "c"]);
    assert_eq!(out.status, Some(1), "{}", out.stderr);
    assert!(out.stderr.ends_with("the server ended TLS: no application protocol (--tls-alpn)\n"), "{}", out.stderr);
    let out = connect(&["--tls-min", "1.3"]);
    assert_eq!(out.status, Some(1), "{}", out.stderr);
    assert!(out.stderr.ends_with("(--tls-min)\n"), "{}", out.stderr);
    connect(&["--tls-groups", "X25519,secp256r1"]).is(0, "cba\n", "");
    let out = connect(&["--tls-groups", "secp384r1"]); // the key of the certificate is of secp256r1
    assert_eq!(out.status, Some(1), "{}", out.stderr);
    assert!(out.stderr.contains("handshake failure (it may want another group, --tls-groups"), "{}", out.stderr);
}

fn run_owned(base: &[String], more: &[&str]) -> crate::support::Outcome {
    let all = base.iter().map(String::as_str).chain(more.iter().copied());
    crate::support::run_command(&mut secretcat(all), "")
}
