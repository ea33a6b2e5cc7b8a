//! The server's side: two messages come, and two are sent.

use data_encoding::BASE64;

use super::message::{Attributes, base64, decode_name, hash as sent_hash, nonce as checked_nonce};
use super::{Binding, Flaw, Nonce, TLS_EXPORTER};
use crate::auth::keys::{Hash, Keys, equal, hash, hmac};

/// How the channel is bound in a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The client has chosen SCRAM-SHA-256-PLUS, and this is the binding of the connection.
    Required(Binding),
    /// The client has chosen SCRAM-SHA-256, and SCRAM-SHA-256-PLUS was offered too.
    Offered,
    /// The connection cannot be bound.
    None,
}

/// A login after the client's first message.
#[derive(Debug)]
pub struct Server {
    name: String,
    keys: Keys,
    /// What the client's `c=` must be.
    binding: Vec<u8>,
    nonce: String,
    /// The first message of each side, as `AuthMessage` has them.
    first: String,
}

impl Server {
    /// Reads the client's first message; returns the server's. `keys` finds the keys of a name, or makes some up for
    /// an unknown one: what is sent shows no difference.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub fn begin(
        message: &[u8],
        support: Support,
        random: Nonce,
        keys: impl FnOnce(&str) -> Keys,
    ) -> Result<(Server, Vec<u8>), Flaw> {
        let mut attributes = Attributes::of(message)?;
        let flag = attributes.part()?;
        let authorized = match attributes.part()? {
            "" => None,
            part => Some(decode_name(part.strip_prefix("a=").ok_or(Flaw::Malformed)?)?),
        };
        let bare = attributes.rest();
        let header = &message[..message.len() - bare.len()];
        let mut binding = header.to_vec();
        match (flag, support) {
            ("n", Support::Offered | Support::None) | ("y", Support::None) => {}
            ("y", Support::Offered | Support::Required(_)) => return Err(Flaw::Downgrade),
            ("n", Support::Required(_)) => return Err(Flaw::Binding),
            (flag, support) => match (flag.strip_prefix("p="), support) {
                (Some(TLS_EXPORTER), Support::Required(ours)) => binding.extend_from_slice(&ours),
                (Some(_), _) => return Err(Flaw::Binding),
                (None, _) => return Err(Flaw::Malformed),
            },
        }
        let name = decode_name(attributes.value('n')?)?;
        let theirs = checked_nonce(attributes.value('r')?)?;
        attributes.end()?;
        if authorized.is_some_and(|authorized| authorized != name) {
            return Err(Flaw::OtherUser);
        }
        let keys = keys(&name);
        let nonce = format!("{theirs}{}", BASE64.encode(&random));
        let reply = format!("r={nonce},s={},i={}", BASE64.encode(&keys.salt), keys.iterations);
        let first = format!("{bare},{reply}");
        Ok((Server { name, keys, binding, nonce, first }, reply.into_bytes()))
    }

    /// The name that the client has sent. It is not proven yet.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the client's last message; returns the server's, with the proof that the server knows the password. With
    /// keys that were made up it fails as with a wrong password.
    ///
    /// # Errors
    /// Why the login is refused.
    pub fn finish(self, message: &[u8]) -> Result<Vec<u8>, Flaw> {
        let mut attributes = Attributes::of(message)?;
        let binding = base64(attributes.value('c')?)?;
        let nonce = attributes.value('r')?;
        let (begin, proof) =
            std::str::from_utf8(message).ok().and_then(|message| message.rsplit_once(",p=")).ok_or(Flaw::Malformed)?;
        // Extensions may stand between the nonce and the proof.
        loop {
            let is_last = !attributes.rest().contains(',');
            if is_last {
                attributes.value('p')?;
                break;
            }
            if attributes.part()?.starts_with("m=") {
                return Err(Flaw::Extension);
            }
        }
        let proof = sent_hash(proof)?;
        if nonce != self.nonce {
            return Err(Flaw::Nonce);
        }
        if binding != self.binding {
            return Err(Flaw::Binding);
        }
        let signed = [self.first.as_bytes(), b",", begin.as_bytes()];
        let client_key = xor(&hmac(&self.keys.stored, &signed), &proof);
        let signature = hmac(&self.keys.server, &signed);
        if !equal(&hash(&client_key), &self.keys.stored) {
            return Err(Flaw::Credentials);
        }
        Ok(format!("v={}", BASE64.encode(&signature)).into_bytes())
    }
}

#[cfg(test)]
impl Server {
    /// Sets the nonce, to that of an example.
    pub(super) fn set_nonce(&mut self, nonce: &str) {
        self.first = self.first.replace(&self.nonce, nonce);
        nonce.clone_into(&mut self.nonce);
    }
}

pub(super) fn xor(one: &Hash, other: &Hash) -> Hash {
    std::array::from_fn(|at| one[at] ^ other[at])
}
