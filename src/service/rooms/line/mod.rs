//! The line front end: what a person types at nc becomes requests, and events become lines.

pub(super) mod command;
pub(super) mod member;
pub(super) mod show;
