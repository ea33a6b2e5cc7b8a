//! The service names of ports (services(5)).

use std::io::Read;

/// The file of the names.
const FILE: &str = "/etc/services";
/// The largest part of the file that is read, ten times the longest known one.
const LIMIT: u64 = 4 << 20;

/// The TCP port of the service with this name; `None` if there is no such service, or no list.
#[must_use]
pub fn port(name: &str) -> Option<u16> {
    let mut text = Vec::new();
    std::fs::File::open(FILE).ok()?.take(LIMIT).read_to_end(&mut text).ok()?;
    find(&text, name)
}

/// Finds a service by its name or an alias: `http 80/tcp www # WorldWideWeb`.
fn find(text: &[u8], name: &str) -> Option<u16> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let line = line.split(|&byte| byte == b'#').next()?;
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (first, port) = (words.next()?, words.next()?);
        let port = std::str::from_utf8(port).ok()?.strip_suffix("/tcp")?.parse().ok()?;
        (first == name.as_bytes() || words.any(|word| word == name.as_bytes())).then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_found_by_any_of_its_names() {
        let file = b"# comment\n\ntftp 69/udp\nhttp\t\t80/tcp  www # web\nodd 99999/tcp\n\xff 7/tcp\ncut\nhttp 81/tcp";
        assert_eq!(find(file, "http"), Some(80));
        assert_eq!(find(file, "www"), Some(80));
        for name in ["tftp", "odd", "cut", "web", "#", "", "HTTP", "80/tcp"] {
            assert_eq!(find(file, name), None, "{name}");
        }
    }
}
