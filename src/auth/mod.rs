//! Who a client is: passwords, SCRAM-SHA-256 and PLAIN as functions of messages, and the file of users.
//!
//! Nothing here knows how messages travel: a front end of lines and one of IRC (SASL, RFC 4422) use the same
//! [`Login`].

pub mod keys;
mod login;
pub mod name;
mod password;
pub mod scram;
pub mod users;

pub use keys::{Keys, Salted};
pub use login::{Answer, Derivation, Evidence, Login, Mechanism, Method, Policy, Rejection, Step, Work};
pub use name::UserName;
pub use password::Password;
pub use users::Users;
