//! secretcat: a netcat that knows messages and cuts them on purpose.

pub mod frame;
pub mod plan;
pub mod value;
