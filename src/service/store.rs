//! Where the records of a service go.

use std::fmt;

/// A store of records, such as a journal. It keeps them in order; if it fails, it reports that itself.
pub trait Store {
    /// Appends one record.
    fn append(&mut self, record: &[u8]);
}

/// Without what it is made of: [`Store`] has no `Debug`, so that nothing of it is in the program.
impl fmt::Debug for dyn Store + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// No store: drops every record. It is for services that store nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

impl Store for NoStore {
    fn append(&mut self, _: &[u8]) {}
}
