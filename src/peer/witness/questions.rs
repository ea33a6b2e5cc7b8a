//! The questions of one client of a witness that wait for an answer.

use std::time::Instant;

use super::protocol::{Answer, LONGEST_QUESTION, Question};
use super::watch::Watch;

/// The questions of one client.
#[derive(Debug)]
pub struct Questions {
    /// The largest number of questions at once.
    most: usize,
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
    watches: Vec<Watch>,
}

/// The client has sent something that is no question, or too many questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonsense;

impl Questions {
    /// At most this number of questions at once.
    #[must_use]
    pub fn new(most: usize) -> Questions {
        Questions { most, line: Vec::new(), watches: Vec::new() }
    }

    /// Takes bytes that the client has sent.
    ///
    /// # Errors
    /// When a line is no question.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), Nonsense> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(&part[..part.len().min(LONGEST_QUESTION + 1)]);
            if part.ends_with(b"\n") || self.line.len() > LONGEST_QUESTION {
                let question = std::str::from_utf8(&self.line).ok().and_then(Question::parse);
                let (id, question) = question.filter(|_| self.watches.len() < self.most).ok_or(Nonsense)?;
                self.line.clear();
                self.watches.push(Watch::new(id, question, now));
            }
        }
        Ok(())
    }

    /// The lines that answer questions now; `look` looks for the answer to one.
    pub fn answers(&mut self, now: Instant, mut look: impl FnMut(&mut Watch) -> Option<Answer>) -> String {
        let mut answers = String::new();
        self.watches.retain_mut(|watch| {
            let answer = if now < watch.due() { None } else { look(watch) };
            if let Some(answer) = &answer {
                answers.push_str(&answer.line(watch.id()));
            }
            answer.is_none()
        });
        answers
    }

    /// When to look again; `None` if no question waits.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.watches.iter().map(Watch::due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_the_same_however_they_are_cut() {
        let (now, line) = (Instant::now(), b"7 sockets 5 0\n8 sockets 6 0\n");
        for cut in 0..line.len() {
            let mut questions = Questions::new(2);
            questions.receive(&line[..cut], now).unwrap();
            questions.receive(&line[cut..], now).unwrap();
            assert_eq!(questions.answers(now, |_| Some(Answer::Gone)), "7 gone\n8 gone\n");
            assert_eq!((questions.due(), questions.receive(b"x\n", now)), (None, Err(Nonsense)));
        }
    }

    #[test]
    fn too_many_questions_and_long_lines_are_refused() {
        let now = Instant::now();
        assert_eq!(Questions::new(1).receive(b"7 sockets 5 0\n8 sockets 6 0\n", now), Err(Nonsense));
        let mut questions = Questions::new(1);
        assert_eq!(questions.receive(&[b'7'; LONGEST_QUESTION], now), Ok(()));
        assert_eq!(questions.receive(b"7", now), Err(Nonsense));
        assert!(questions.line.len() <= LONGEST_QUESTION + 1);
    }
}
