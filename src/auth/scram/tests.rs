//! The example of RFC 7677, and messages that were changed on the way.

use data_encoding::BASE64;

use super::*;
use crate::auth::{Keys, Password, UserName};

const CLIENT_NONCE: &[u8] = b"rOprNGfwEbeRWgbNEkqO";
const BINDING: Binding = [3; 32];

fn keys(password: &[u8]) -> Keys {
    let salt = BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
    Keys::new(&Password::new(password).unwrap(), salt)
}

fn client(password: &[u8], binding: Option<Binding>) -> (Awaiting, Vec<u8>) {
    let name: UserName = "user".parse().unwrap();
    Client::new(&name, Password::new(password).unwrap(), binding, [1; 18]).begin()
}

/// The example in section 3 of RFC 7677, with the nonces in it.
#[test]
fn messages_are_those_of_rfc_7677() {
    let first = [b"n,,n=user,r=", CLIENT_NONCE].concat();
    let (mut server, reply) = Server::begin(&first, Support::None, [0; 18], |name| {
        assert_eq!(name, "user");
        keys(b"pencil")
    })
    .unwrap();
    let ours = String::from_utf8(reply).unwrap();
    assert!(ours.starts_with("r=rOprNGfwEbeRWgbNEkqOAAAA") && ours.ends_with(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
    let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    server.set_nonce(nonce);
    let last = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    assert_eq!(server.finish(last.as_bytes()).unwrap(), b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");

    let (mut awaiting, sent) = client(b"pencil", None);
    assert!(sent.starts_with(b"n,,n=user,r="));
    awaiting.set_nonce(std::str::from_utf8(CLIENT_NONCE).unwrap());
    let reply = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let (verifying, proof) = awaiting.answer(reply.as_bytes()).unwrap();
    assert_eq!(proof, last.as_bytes());
    assert_eq!(verifying.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
}

/// Runs a login. `change` gets each message with its number, and may change it.
fn run(
    (password, stored): (&[u8], &[u8]),
    (theirs, support): (Option<Binding>, Support),
    change: impl Fn(usize, Vec<u8>) -> Vec<u8>,
) -> Result<(), (&'static str, Flaw)> {
    let at_server = |flaw| ("server", flaw);
    let at_client = |flaw| ("client", flaw);
    let (awaiting, first) = client(password, theirs);
    let (server, reply) = Server::begin(&change(1, first), support, [2; 18], |_| keys(stored)).map_err(at_server)?;
    let (verifying, proof) = awaiting.answer(&change(2, reply)).map_err(at_client)?;
    let last = server.finish(&change(3, proof)).map_err(at_server)?;
    verifying.verify(&change(4, last)).map_err(at_client)
}

const PASSWORDS: (&[u8], &[u8]) = (b"pencil", b"pencil");
const BOUND: (Option<Binding>, Support) = (Some(BINDING), Support::Required(BINDING));
const UNBOUND: (Option<Binding>, Support) = (None, Support::None);

#[test]
fn binding_must_be_the_same_at_both_ends() {
    let same = |_, message| message;
    for ends in [BOUND, UNBOUND, (None, Support::Offered)] {
        assert_eq!(run(PASSWORDS, ends, same), Ok(()));
    }
    for (ends, flaw) in [
        ((Some([4; 32]), Support::Required(BINDING)), Flaw::Binding),
        ((Some(BINDING), Support::Offered), Flaw::Binding),
        ((Some(BINDING), Support::None), Flaw::Binding),
        ((None, Support::Required(BINDING)), Flaw::Binding),
    ] {
        assert_eq!(run(PASSWORDS, ends, same), Err(("server", flaw)), "{ends:?}");
    }
}

#[test]
fn wrong_password_is_refused_by_the_server() {
    let same = |_, message| message;
    for (password, stored) in [(&b"pencil"[..], &b"Pencil"[..]), (b"pencil ", b"pencil")] {
        assert_eq!(run((password, stored), BOUND, same), Err(("server", Flaw::Credentials)));
    }
}

fn replaced(message: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(message).unwrap();
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed, "{from} is in the message");
    changed.into_bytes()
}

/// Somebody on the way changes one message.
#[test]
fn changed_messages_are_refused() {
    let nonce = BASE64.encode(&[1; 18]);
    let header = BASE64.encode(b"n,,");
    let other_header = BASE64.encode(b"y,,");
    let cases = [
        (1, "n,,", "y,,", Err(("server", Flaw::Binding))), // what the client has signed says n
        (1, "n,,", "p=tls-unique,,", Err(("server", Flaw::Binding))),
        (1, "n,,", "p=tls-exporter,,", Err(("server", Flaw::Binding))),
        (1, "n,,", "x,,", Err(("server", Flaw::Malformed))),
        (1, "n,,", "n,user,", Err(("server", Flaw::Malformed))),
        (1, "n,,", "n,a=root,", Err(("server", Flaw::OtherUser))),
        (1, "n,,", "n,a=user,", Err(("server", Flaw::Binding))),
        (1, "n,,", "n,,m=x,", Err(("server", Flaw::Extension))),
        (1, "n=user", "n=us=er", Err(("server", Flaw::Malformed))),
        (1, "n=user", "n=root", Err(("server", Flaw::Credentials))),
        (1, "n=user", "n=", Err(("server", Flaw::Malformed))),
        (1, "n=user,", "", Err(("server", Flaw::Malformed))),
        (1, &nonce, "", Err(("server", Flaw::Malformed))),
        (1, &nonce, "a b", Err(("server", Flaw::Malformed))),
        (1, &nonce, "other", Err(("client", Flaw::Nonce))),
        (1, &nonce, &format!("{nonce},x=ext"), Err(("server", Flaw::Credentials))),
        (1, &nonce, &format!("{nonce},m=ext"), Err(("server", Flaw::Extension))),
        (1, &nonce, &format!("{nonce}\0"), Err(("server", Flaw::Malformed))),
        (1, &nonce, &"x".repeat(5000), Err(("server", Flaw::Malformed))),
        (2, &nonce, "other", Err(("client", Flaw::Nonce))),
        (2, ",s=", "x,s=", Err(("server", Flaw::Nonce))),
        (2, "s=W22Z", "s=W22Y", Err(("server", Flaw::Credentials))),
        (2, "s=W22Z", "s=W22", Err(("client", Flaw::Hashing))),
        (2, "i=4096", "i=4097", Err(("server", Flaw::Credentials))),
        (2, "i=4096", "i=1", Err(("client", Flaw::Hashing))),
        (2, "i=4096", "i=4000000000", Err(("client", Flaw::Hashing))),
        (2, "i=4096", "i=-1", Err(("client", Flaw::Hashing))),
        (2, "i=4096", "i=4096,m=x", Err(("client", Flaw::Extension))),
        (2, "i=4096", "i=4096,x=y", Err(("server", Flaw::Credentials))),
        (2, "r=", "m=x,r=", Err(("client", Flaw::Extension))),
        (2, "r=", "e=other-error,r=", Err(("client", Flaw::Malformed))),
        (3, &header, &other_header, Err(("server", Flaw::Binding))),
        (3, &header, "*", Err(("server", Flaw::Malformed))),
        (3, &nonce, "other", Err(("server", Flaw::Nonce))),
        (3, ",p=", ",x=y,p=", Err(("server", Flaw::Credentials))),
        (3, ",p=", ",m=y,p=", Err(("server", Flaw::Extension))),
        (3, ",p=", ",q=", Err(("server", Flaw::Malformed))),
        (3, ",p=", ",p=AAAA", Err(("server", Flaw::Malformed))),
        (4, "v=", "e=invalid-proof,v=", Err(("client", Flaw::Refused))),
        (4, "v=", "w=", Err(("client", Flaw::Malformed))),
        (4, "v=", "v=AAAA", Err(("client", Flaw::Malformed))),
    ];
    for (number, from, to, expected) in cases {
        let change = |at, message| if at == number { replaced(message, from, to) } else { message };
        assert_eq!(run(PASSWORDS, UNBOUND, change), expected, "message {number}: {from} is {to}");
    }
    let forged =
        |at, message: Vec<u8>| if at == 4 { format!("v={}", BASE64.encode(&[0; 32])).into_bytes() } else { message };
    assert_eq!(run(PASSWORDS, BOUND, forged), Err(("client", Flaw::Signature)));
}

/// A client that could bind the channel says so; the server has offered it, so somebody removed the offer.
#[test]
fn removed_offer_of_a_binding_is_noticed() {
    let says_y = |at, message| if at == 1 { replaced(message, "n,,", "y,,") } else { message };
    for support in [Support::Offered, Support::Required(BINDING)] {
        assert_eq!(run(PASSWORDS, (None, support), says_y), Err(("server", Flaw::Downgrade)));
    }
}

#[test]
fn messages_of_another_login_are_refused() {
    let begin = |random| {
        let (awaiting, first) = client(b"pencil", None);
        let (server, reply) = Server::begin(&first, Support::None, random, |_| keys(b"pencil")).unwrap();
        let (verifying, proof) = awaiting.answer(&reply).unwrap();
        (server, proof, verifying)
    };
    let (one, proof_of_one, _) = begin([5; 18]);
    let (other, proof_of_other, verifying_other) = begin([6; 18]);
    assert_eq!(other.finish(&proof_of_one), Err(Flaw::Nonce));
    let last_of_one = one.finish(&proof_of_one).unwrap();
    assert_ne!(proof_of_one, proof_of_other);
    assert_eq!(verifying_other.verify(&last_of_one), Err(Flaw::Signature));
}
