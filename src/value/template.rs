//! A command line with names in the place of what is known only later.

/// The template with the value of each name in its place. Names that are not in the list stay.
#[must_use]
pub fn fill(template: &[u8], names: &[(&str, &str)]) -> Vec<u8> {
    let (mut filled, mut rest) = (Vec::new(), template);
    while let Some((&first, after)) = rest.split_first() {
        let found = names.iter().find_map(|(name, value)| Some((rest.strip_prefix(name.as_bytes())?, value)));
        if let Some((after, value)) = found {
            filled.extend_from_slice(value.as_bytes());
            rest = after;
        } else {
            filled.push(first);
            rest = after;
        }
    }
    filled
}
