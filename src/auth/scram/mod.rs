//! SCRAM-SHA-256 (RFC 5802 and 7677), with channel binding `tls-exporter` (RFC 9266): both sides as state machines.

mod client;
mod message;
mod server;

pub use client::{Awaiting, Client, Verifying};
pub use server::{Server, Support};

/// The channel binding of a TLS connection: `tls-exporter` of RFC 9266. It is no secret.
pub type Binding = [u8; 32];

/// A random number for a nonce.
pub type Nonce = [u8; 18];

/// The name of the channel binding.
const TLS_EXPORTER: &str = "tls-exporter";

/// Why a message of SCRAM is refused. It shows nothing of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not of the form that RFC 5802 gives.
    #[error("a message of the login is malformed")]
    Malformed,
    /// It asks for an extension that is mandatory and unknown.
    #[error("a mandatory extension of SCRAM is not supported")]
    Extension,
    /// The channel binding is not the one of this connection, or of another type.
    #[error("the channel binding is another one: somebody may be in between")]
    Binding,
    /// The client could bind the channel, and takes the server for one that cannot.
    #[error("somebody has removed the channel binding from what the server offers")]
    Downgrade,
    /// The nonce is not the one of this login: the message is of another one.
    #[error("the nonce is not the one of this login")]
    Nonce,
    /// The client asks to act for another user.
    #[error("a login for another user is not supported")]
    OtherUser,
    /// The user is unknown, or the password is wrong.
    #[error("wrong name or password")]
    Credentials,
    /// The server asks for a number of iterations, or a salt, that is not accepted.
    #[error("the server asks for a salt or a number of iterations that is not accepted")]
    Hashing,
    /// The server does not know the password: its signature is wrong.
    #[error("the server could not prove that it knows the password")]
    Signature,
    /// The server has refused the login.
    #[error("the server has refused the login")]
    Refused,
}

#[cfg(test)]
mod tests;
