//! Where the records of a service go.

use std::fmt;

/// A store of records, such as a journal. It keeps them in order; if it fails, it reports that itself.
pub trait Store: fmt::Debug {
    /// Appends one record.
    fn append(&mut self, record: &[u8]);
}

/// No store: drops every record. It is for services that store nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

impl Store for NoStore {
    fn append(&mut self, _: &[u8]) {}
}
