//! A socket option that is on or off.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// `on` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// `on`
    On,
    /// `off`
    Off,
}

impl Switch {
    /// Whether the switch is on.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Switch::On
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Switch {
        if on { Switch::On } else { Switch::Off }
    }
}

impl FromStr for Switch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Switch, Invalid> {
        match text {
            "on" => Ok(Switch::On),
            "off" => Ok(Switch::Off),
            _ => Err(Invalid::new(text, "a switch", "on or off")),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_and_off_are_parsed_and_printed() {
        for (text, on) in [("on", true), ("off", false)] {
            let switch: Switch = text.parse().unwrap();
            assert_eq!(switch.is_on(), on);
            assert_eq!(switch, Switch::from(on));
            assert_eq!(switch.to_string(), text);
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "yes", "no", "1", "ON", "on "] {
            let error = text.parse::<Switch>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a switch: expected on or off"));
        }
    }
}
