//! Certificates for tests, all of one authority, and TLS servers of this machine.

use std::path::PathBuf;
use std::process::Command;

use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::Dir;

/// A directory with certificates and their keys, as PEM files.
#[derive(Debug)]
pub(crate) struct Certs {
    pub(crate) dir: Dir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certs {
    /// `ca.pem`; `server.pem` for localhost and 127.0.0.1 with `server.key`, both in `both.pem`; `client.pem` with
    /// `client.key`. `name` is unique among the tests of one process.
    pub(crate) fn new(name: &str) -> Certs {
        let dir = Dir::new(name);
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("authority of {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.file("ca.pem"), pem("CERTIFICATE", authority.der())).unwrap();
        let certs = Certs { dir, authority };
        certs.sign("server", &["localhost", "127.0.0.1"], |_| {});
        certs.sign("client", &["client.test"], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let both = ["server.pem", "server.key"].map(|name| std::fs::read(certs.dir.file(name)).unwrap()).concat();
        std::fs::write(certs.dir.file("both.pem"), both).unwrap();
        certs
    }

    /// Signs `NAME.pem` with `NAME.key` for these names, with these changes.
    pub(crate) fn sign(&self, file: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, file);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.write(file, certificate.der(), &key);
    }

    /// Signs `NAME.pem` with `NAME.key`, which has expired.
    pub(crate) fn sign_expired(&self, file: &str) {
        self.sign(file, &["localhost", "127.0.0.1"], |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        });
    }

    fn write(&self, file: &str, certificate: &[u8], key: &KeyPair) {
        std::fs::write(self.dir.file(&format!("{file}.pem")), pem("CERTIFICATE", certificate)).unwrap();
        std::fs::write(self.dir.file(&format!("{file}.der")), certificate).unwrap();
        std::fs::write(self.dir.file(&format!("{file}.key")), pem("PRIVATE KEY", key.serialized_der())).unwrap();
    }

    /// The path of a file in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.file(name)
    }

    /// The same, as text of a command line.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// `--tls-ca` with the authority.
    pub(crate) fn ca(&self) -> [String; 2] {
        ["--tls-ca".to_owned(), self.text("ca.pem")]
    }

    /// `--tls-cert` and `--tls-key` with the files of this name.
    pub(crate) fn identity(&self, name: &str) -> [String; 4] {
        let file = |end| self.text(&format!("{name}.{end}"));
        ["--tls-cert".to_owned(), file("pem"), "--tls-key".to_owned(), file("key")]
    }

    /// Runs openssl(1) in the directory.
    #[track_caller]
    pub(crate) fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl").args(args).current_dir(self.dir.path()).output().unwrap();
        assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// As PEM (RFC 7468).
fn pem(label: &str, bytes: &[u8]) -> String {
    let base64 = BASE64.encode(bytes);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The arguments as text.
pub(crate) fn args<'a>(parts: impl IntoIterator<Item = &'a [String]>) -> Vec<String> {
    parts.into_iter().flatten().cloned().collect()
}
