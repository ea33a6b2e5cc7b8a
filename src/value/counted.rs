//! A number with its noun, and the words of a list.

/// `1 byte`, `2 bytes`. Only for nouns whose plural ends in s.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", plural(count))
}

/// The ending of a noun after this number.
#[must_use]
pub fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `1`, `1 and 2`, `1, 2 and 3`.
#[must_use]
pub fn joined(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_count_one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "byte")), ["0 bytes", "1 byte", "2 bytes"]);
    }

    #[test]
    fn last_word_of_a_list_has_an_and() {
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|count| joined(&words[..count])), ["", "a", "a and b", "a, b and c"]);
    }
}
