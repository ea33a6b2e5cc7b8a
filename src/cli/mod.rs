//! The command line: flags, their help, and the config they become.

pub mod socket;
