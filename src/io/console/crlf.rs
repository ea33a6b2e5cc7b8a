//! Converts LF to CR LF.

/// Puts a CR before each LF that has none, however the bytes are split.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CrLf {
    after_cr: bool,
}

impl CrLf {
    /// Converts the first `len` bytes of `buf`, which has room for twice as many; returns the new length.
    pub(super) fn expand(&mut self, buf: &mut [u8], len: usize) -> usize {
        let after_cr = std::mem::replace(&mut self.after_cr, len > 0 && buf[len - 1] == b'\r');
        let is_bare =
            |at: usize, buf: &[u8]| buf[at] == b'\n' && !(if at == 0 { after_cr } else { buf[at - 1] == b'\r' });
        let total = len + (0..len).filter(|&at| is_bare(at, buf)).count();
        let mut to = total;
        // Backwards, so that no byte is overwritten before it is moved.
        for at in (0..len).rev() {
            let bare = is_bare(at, buf);
            to -= 1;
            buf[to] = buf[at];
            if bare {
                to -= 1;
                buf[to] = b'\r';
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_line_endings() {
        let typed = b"\none\n\ntwo\r\n\r\rthree\n";
        for size in 1..=typed.len() {
            let (mut crlf, mut out) = (CrLf::default(), Vec::new());
            for piece in typed.chunks(size) {
                let mut buf = [piece, &vec![0; piece.len()]].concat();
                let len = crlf.expand(&mut buf, piece.len());
                out.extend_from_slice(&buf[..len]);
            }
            assert_eq!(out, b"\r\none\r\n\r\ntwo\r\n\r\rthree\r\n", "in pieces of {size}");
        }
    }
}
