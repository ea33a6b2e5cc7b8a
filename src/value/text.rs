//! Serializes a value as the text that a user would write.

/// Serializes a value as its `Display` text and reads it back with its `FromStr`.
macro_rules! serde_as_text {
    ($type:ident $(<$param:ident>)?) => {
        impl $(<$param: std::fmt::Display + PartialEq>)? serde::Serialize for $type $(<$param>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de $(, $param)?> serde::Deserialize<'de> for $type $(<$param>)?
        where
            $type $(<$param>)?: std::str::FromStr<Err = $crate::value::Invalid>,
        {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use serde_as_text;

/// Parses a number of ASCII digits only: no sign, no space, not empty.
pub(super) fn number(text: &str) -> Option<u64> {
    // `parse` would also take a leading plus.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn number_is_digits_only() {
        assert_eq!(number("007"), Some(7));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for text in ["", "+7", "-7", " 7", "7 ", "7_0", "18446744073709551616", "٣"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
