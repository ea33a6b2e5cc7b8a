//! Bytes as lines of hexadecimal digits and text, in the form of xxd(1).

use std::fmt::Write;

use super::event::{ConnId, Direction};

/// The bytes in a line.
const ROW: usize = 16;

/// Lines for bytes at this offset of one direction of a connection, without line feeds: `#1 > ` (sent) or `#1 < `
/// (received), and what xxd(1) prints. A byte that is no printable ASCII is a dot.
pub fn hex_lines(conn: ConnId, dir: Direction, offset: u64, bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    let mark = if dir == Direction::Out { '>' } else { '<' };
    (offset..).step_by(ROW).zip(bytes.chunks(ROW)).map(move |(offset, row)| {
        let mut line = format!("#{conn} {mark} {offset:08x}: ");
        for place in 0..ROW {
            // Writing to a String cannot fail.
            let _ = match row.get(place) {
                Some(byte) => write!(line, "{byte:02x}"),
                None => write!(line, "  "),
            };
            line.push_str(if place % 2 == 1 { " " } else { "" });
        }
        line.push(' ');
        line.extend(row.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }));
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(offset: u64, bytes: &[u8]) -> Vec<String> {
        hex_lines(3, Direction::In, offset, bytes).collect()
    }

    #[test]
    fn line_is_that_of_xxd_after_connection_and_direction() {
        assert_eq!(
            lines(0, b"SECRET 42\n\x1b[2J\xff123"),
            [
                "#3 < 00000000: 5345 4352 4554 2034 320a 1b5b 324a ff31  SECRET 42..[2J.1",
                "#3 < 00000010: 3233                                     23",
            ]
        );
        assert_eq!(lines(0x1_2345_6789, b"a"), ["#3 < 123456789: 61                                       a"]);
        assert_eq!(lines(0, b""), [""; 0]);
    }
}
