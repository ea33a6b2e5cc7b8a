//! The key exchange X25519MLKEM768 for rustls with ring, which has no ML-KEM of its own.
//!
//! The group joins ML-KEM-768 (FIPS 203) and X25519, as draft-ietf-tls-ecdhe-mlkem describes. Browsers offer it
//! first, and its key share makes a `ClientHello` larger than one segment.
//!
//! | bytes | first part | second part |
//! |---|---|---|
//! | share of the client | encapsulation key, 1184 | X25519 key, 32 |
//! | share of the server | ciphertext, 1088 | X25519 key, 32 |
//! | secret | ML-KEM, 32 | X25519, 32 |

use ml_kem::{B32, Decapsulate, DecapsulationKey, EncapsulationKey, KeyExport, MlKem768, Seed, TryKeyInit};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// The group. If it is the first of a client's groups and X25519 follows, the `ClientHello` has a share for both.
pub static X25519_MLKEM768: &dyn SupportedKxGroup = &Hybrid;

/// Lengths of the ML-KEM parts of the shares.
const ENCAPSULATION_KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;

const INVALID: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let decapsulation = DecapsulationKey::from_seed(Seed::from(random()?));
        let x25519 = X25519.start()?;
        let share = [&decapsulation.encapsulation_key().to_bytes()[..], x25519.pub_key()].concat();
        Ok(Box::new(Exchange { decapsulation, x25519, share }))
    }

    fn start_and_complete(&self, share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (encapsulation, x25519) = share.split_at_checked(ENCAPSULATION_KEY).ok_or(INVALID)?;
        // This refuses coefficients that are not reduced: the check of the modulus in FIPS 203, section 7.2.
        let encapsulation = EncapsulationKey::<MlKem768>::new_from_slice(encapsulation).map_err(|_| INVALID)?;
        let x25519 = X25519.start_and_complete(x25519)?;
        let (ciphertext, secret) = encapsulation.encapsulate_deterministic(&B32::from(random()?));
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [&ciphertext[..], &x25519.pub_key].concat(),
            secret: join(&secret, &x25519.secret),
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// The exchange of a client that has sent its share.
struct Exchange {
    decapsulation: DecapsulationKey<MlKem768>,
    x25519: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, x25519) = share.split_at_checked(CIPHERTEXT).ok_or(INVALID)?;
        let x25519 = self.x25519.complete(x25519)?;
        // A ciphertext that was changed gives another secret, and the handshake fails at its end.
        let secret = self.decapsulation.decapsulate_slice(ciphertext).map_err(|_| INVALID)?;
        Ok(join(&secret, &x25519))
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.x25519.group(), self.x25519.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        self.x25519.complete(share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

fn join(mlkem: &[u8], x25519: &SharedSecret) -> SharedSecret {
    SharedSecret::from([mlkem, x25519.secret_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    const X25519_KEY: usize = 32;

    fn secret(secret: Result<SharedSecret, Error>) -> Vec<u8> {
        secret.unwrap().secret_bytes().to_vec()
    }

    #[test]
    fn both_sides_agree_on_a_secret() {
        let client = X25519_MLKEM768.start().unwrap();
        assert_eq!(client.group(), NamedGroup::X25519MLKEM768);
        assert_eq!(client.pub_key().len(), ENCAPSULATION_KEY + X25519_KEY);
        let server = X25519_MLKEM768.start_and_complete(client.pub_key()).unwrap();
        assert_eq!(server.group, NamedGroup::X25519MLKEM768);
        assert_eq!(server.pub_key.len(), CIPHERTEXT + X25519_KEY);
        let secret = secret(client.complete(&server.pub_key));
        assert_eq!(secret.len(), 64);
        assert_eq!(secret, server.secret.secret_bytes());
        let again = X25519_MLKEM768.start().unwrap();
        assert_ne!(X25519_MLKEM768.start().unwrap().pub_key(), again.pub_key());
    }

    #[test]
    fn x25519_alone_uses_the_second_part_of_the_share() {
        let client = X25519_MLKEM768.start().unwrap();
        let (group, share) = client.hybrid_component().unwrap();
        assert_eq!((group, share), (NamedGroup::X25519, &client.pub_key()[ENCAPSULATION_KEY..]));
        let server = X25519.start_and_complete(share).unwrap();
        let secret = secret(client.complete_hybrid_component(&server.pub_key));
        assert_eq!(secret, server.secret.secret_bytes());
    }

    #[test]
    fn shares_of_a_wrong_length_are_refused() {
        let share = X25519_MLKEM768.start().unwrap().pub_key().to_vec();
        let answer = X25519_MLKEM768.start_and_complete(&share).unwrap().pub_key;
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        let wrong = |bytes: &[u8]| [vec![], bytes[..31].into(), bytes[..bytes.len() - 1].into(), longer(bytes)];
        for share in wrong(&share).iter().chain([&share[..ENCAPSULATION_KEY].to_vec(), &answer]) {
            assert_eq!(X25519_MLKEM768.start_and_complete(share).err(), Some(INVALID), "{} bytes", share.len());
        }
        for answer in wrong(&answer).iter().chain([&answer[..CIPHERTEXT].to_vec(), &share]) {
            let client = X25519_MLKEM768.start().unwrap();
            assert_eq!(client.complete(answer).err(), Some(INVALID), "{} bytes", answer.len());
        }
    }

    #[test]
    fn keys_that_are_not_reduced_are_refused() {
        let share = X25519_MLKEM768.start().unwrap().pub_key().to_vec();
        // Each coefficient has 12 bits, lowest first; the modulus is 3329.
        let with_first = |coefficient: u16| {
            let mut share = share.clone();
            share[0] = coefficient.to_le_bytes()[0];
            share[1] = share[1] & 0xf0 | coefficient.to_le_bytes()[1];
            X25519_MLKEM768.start_and_complete(&share).map(|done| done.group)
        };
        assert_eq!(with_first(3328), Ok(NamedGroup::X25519MLKEM768));
        for coefficient in [3329, 3330, 4095] {
            assert_eq!(with_first(coefficient), Err(INVALID));
        }
    }

    #[test]
    fn x25519_keys_of_small_order_are_refused() {
        let mut share = X25519_MLKEM768.start().unwrap().pub_key().to_vec();
        let mut answer = X25519_MLKEM768.start_and_complete(&share).unwrap().pub_key;
        share[ENCAPSULATION_KEY..].fill(0);
        answer[CIPHERTEXT..].fill(0);
        assert_eq!(X25519_MLKEM768.start_and_complete(&share).err(), Some(INVALID));
        assert_eq!(X25519_MLKEM768.start().unwrap().complete(&answer).err(), Some(INVALID));
    }

    #[test]
    fn changed_ciphertext_gives_another_secret() {
        let client = X25519_MLKEM768.start().unwrap();
        let mut server = X25519_MLKEM768.start_and_complete(client.pub_key()).unwrap();
        server.pub_key[0] ^= 1;
        let secret = secret(client.complete(&server.pub_key));
        assert_ne!(secret[..32], server.secret.secret_bytes()[..32]);
        assert_eq!(secret[32..], server.secret.secret_bytes()[32..]);
    }

    #[test]
    fn group_is_for_tls_1_3_alone() {
        let usable = |version| X25519_MLKEM768.usable_for_version(version);
        assert!(usable(ProtocolVersion::TLSv1_3) && !usable(ProtocolVersion::TLSv1_2));
        assert!(X25519_MLKEM768.ffdhe_group().is_none() && !X25519_MLKEM768.fips());
    }

    /// The values are those of Go 1.27 (crypto/mlkem), which takes this ciphertext for the secret below only if it is
    /// exact to the last bit: otherwise it returns the other one.
    #[test]
    fn keys_and_secrets_are_those_of_another_implementation() {
        let sha256 = |bytes: &[u8]| HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        let seed: Vec<u8> = (0..64).collect();
        let decapsulation = DecapsulationKey::<MlKem768>::from_seed(Seed::try_from(&seed[..]).unwrap());
        let encapsulation = decapsulation.encapsulation_key();
        assert_eq!(
            sha256(&encapsulation.to_bytes()),
            "0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9"
        );
        let (mut ciphertext, secret) = encapsulation.encapsulate_deterministic(&B32::from([7; 32]));
        assert_eq!(HEXLOWER.encode(&secret), "f3409cb545c0757aab3d7c7b9e8be4225b4aac1107f6663f1f19dc676a69de60");
        assert_eq!(sha256(&ciphertext), "5833ab0fd328b0bbc061f49fa4a9b0e823ef2ba4922af16c3eacd95bd5b427c9");
        assert_eq!(decapsulation.decapsulate(&ciphertext), secret);
        ciphertext[0] ^= 1;
        assert_eq!(
            HEXLOWER.encode(&decapsulation.decapsulate(&ciphertext)),
            "206be478d442255385855fd6c36ab087508efd27b920ff6213282b5e2fc3401d"
        );
    }
}
