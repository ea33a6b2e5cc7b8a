//! The client's side: it proves that it knows the password, and verifies that the server knows it too.

use data_encoding::BASE64;

use super::message::{Attributes, encode_name, hash as sent_hash, nonce as checked_nonce};
use super::server::xor;
use super::{Binding, Flaw, Nonce, TLS_EXPORTER};
use crate::auth::keys::{Hash, Salted, accepted_iterations, accepted_salt, equal, hash, hmac};
use crate::auth::{Password, UserName};

/// A login before its first message.
#[derive(Debug)]
pub struct Client {
    password: Password,
    binding: Option<Binding>,
    nonce: String,
    header: String,
    bare: String,
}

/// A login that waits for the server's first message.
#[derive(Debug)]
pub struct Awaiting(Client);

/// A login that waits for the server's proof.
#[derive(Debug)]
pub struct Verifying {
    signature: Hash,
}

impl Client {
    /// A login of this user. With a `binding` the mechanism is SCRAM-SHA-256-PLUS.
    #[must_use]
    pub fn new(name: &UserName, password: Password, binding: Option<Binding>, random: Nonce) -> Self {
        let header = if binding.is_some() { format!("p={TLS_EXPORTER},,") } else { "n,,".to_owned() };
        let nonce = BASE64.encode(&random);
        let bare = format!("n={},r={nonce}", encode_name(name.as_str()));
        Client { password, binding, nonce, header, bare }
    }

    /// The first message.
    #[must_use]
    pub fn begin(self) -> (Awaiting, Vec<u8>) {
        let message = format!("{}{}", self.header, self.bare).into_bytes();
        (Awaiting(self), message)
    }
}

impl Awaiting {
    /// Reads the server's first message; returns the client's proof. This hashes the password.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub fn answer(self, message: &[u8]) -> Result<(Verifying, Vec<u8>), Flaw> {
        let Awaiting(client) = self;
        let mut attributes = Attributes::of(message)?;
        let nonce = checked_nonce(attributes.value('r')?)?;
        let salt = attributes.value('s')?;
        let iterations = attributes.value('i')?;
        attributes.end()?;
        if nonce.len() <= client.nonce.len() || !nonce.starts_with(&client.nonce) {
            return Err(Flaw::Nonce);
        }
        let salt = accepted_salt(salt).ok_or(Flaw::Hashing)?;
        let iterations = accepted_iterations(iterations).ok_or(Flaw::Hashing)?;
        let salted = Salted::new(&client.password, &salt, iterations);
        let mut binding = client.header.into_bytes();
        binding.extend(client.binding.iter().flatten());
        let begin = format!("c={},r={nonce}", BASE64.encode(&binding));
        let signed = [client.bare.as_bytes(), b",", message, b",", begin.as_bytes()];
        let client_key = salted.client_key();
        let proof = xor(&client_key, &hmac(&hash(&client_key), &signed));
        let signature = hmac(&salted.server_key(), &signed);
        Ok((Verifying { signature }, format!("{begin},p={}", BASE64.encode(&proof)).into_bytes()))
    }
}

impl Verifying {
    /// Verifies the server's last message.
    ///
    /// # Errors
    /// The server refuses the login, or cannot prove that it knows the password.
    pub fn verify(self, message: &[u8]) -> Result<(), Flaw> {
        let mut attributes = Attributes::of(message)?;
        if attributes.rest().starts_with("e=") {
            return Err(Flaw::Refused);
        }
        let signature = sent_hash(attributes.value('v')?)?;
        attributes.end()?;
        if equal(&signature, &self.signature) { Ok(()) } else { Err(Flaw::Signature) }
    }
}

#[cfg(test)]
impl Awaiting {
    /// Sets the nonce, to that of an example.
    pub(super) fn set_nonce(&mut self, nonce: &str) {
        self.0.bare = self.0.bare.replace(&self.0.nonce, nonce);
        nonce.clone_into(&mut self.0.nonce);
    }
}
