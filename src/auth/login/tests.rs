//! Logins by every mechanism, and what an unknown name shows.

use super::super::scram::Client;
use super::*;

const BINDING: Binding = [3; 32];

fn policy() -> Policy {
    let keys = Keys::new(&password("pencil"), [9; SALT]);
    Policy::new(Method::Password(Users::parse(format!("ann:{keys}\n").as_bytes()).unwrap()), [1; 32])
}

fn password(text: &str) -> Password {
    Password::new(text.as_bytes()).unwrap()
}

fn encrypted() -> Evidence {
    Evidence { is_encrypted: true, binding: Some(BINDING), ..Evidence::default() }
}

fn local() -> Evidence {
    Evidence { is_local: true, ..Evidence::default() }
}

fn ann() -> UserName {
    "ann".parse().unwrap()
}

/// A login by SCRAM of this name.
fn scram(name: &str, words: &str, evidence: &Evidence, policy: &Policy) -> Step {
    let mechanism = if evidence.binding.is_some() { Mechanism::ScramSha256Plus } else { Mechanism::ScramSha256 };
    let client = Client::new(&name.parse().unwrap(), password(words), evidence.binding, [4; 18]);
    let (awaiting, first) = client.begin();
    let mut login = Login::new(mechanism);
    let Step::Challenge(reply) = login.on_message(&first, evidence, policy) else { panic!("no challenge") };
    let (verifying, proof) = awaiting.answer(&reply).unwrap();
    let step = login.on_message(&proof, evidence, policy);
    if let Step::Accepted { last: Some(last), .. } = &step {
        assert_eq!(verifying.verify(last), Ok(()));
    }
    assert_eq!(login.on_message(&proof, evidence, policy), Step::Rejected(Rejection::Unexpected));
    step
}

/// A login by PLAIN with this message.
fn plain(message: &[u8], evidence: &Evidence, policy: &Policy) -> Step {
    let mut login = Login::new(Mechanism::Plain);
    match login.on_message(message, evidence, policy) {
        Step::Compute(Work::Hash(derivation)) => login.on_answer(&Answer::Salted(derivation.run())),
        step => step,
    }
}

#[test]
fn right_password_is_accepted_by_each_mechanism() {
    let policy = policy();
    for evidence in [encrypted(), local()] {
        let accepted = scram("ann", "pencil", &evidence, &policy);
        assert!(matches!(accepted, Step::Accepted { name, last: Some(_) } if name == ann()));
        for message in [&b"\0ann\0pencil"[..], b"ann\0ann\0pencil", b"\0a\xc2\xadnn\0pencil"] {
            assert_eq!(plain(message, &evidence, &policy), Step::Accepted { name: ann(), last: None });
        }
    }
}

#[test]
fn wrong_credentials_are_refused_in_the_same_way() {
    let (policy, refused) = (policy(), Step::Rejected(Flaw::Credentials.into()));
    for (name, words) in [("ann", "pen"), ("bob", "pencil"), ("Ann", "pencil")] {
        assert_eq!(scram(name, words, &encrypted(), &policy), refused, "{name}");
        assert_eq!(plain(format!("\0{name}\0{words}").as_bytes(), &local(), &policy), refused, "{name}");
    }
    for (message, flaw) in [
        (&b""[..], Flaw::Malformed),
        (b"ann", Flaw::Malformed),
        (b"ann\0pencil", Flaw::Malformed),
        (b"\0ann\0pencil\0", Flaw::Malformed),
        (b"\0\xff\0pencil", Flaw::Malformed),
        (b"root\0ann\0pencil", Flaw::OtherUser),
        (b"\0ann\0", Flaw::Credentials),
        (b"\0ann\0\xff", Flaw::Credentials),
        (b"\0a nn\0pencil", Flaw::Credentials),
        (b"\0\0pencil", Flaw::Credentials),
    ] {
        assert_eq!(plain(message, &local(), &policy), Step::Rejected(flaw.into()), "{message:?}");
    }
}

#[test]
fn unknown_name_looks_like_a_known_one() {
    let policy = policy();
    let challenge = |name: &str, policy: &Policy| {
        let message = format!("n,,n={name},r=abc");
        let step = Login::new(Mechanism::ScramSha256).on_message(message.as_bytes(), &local(), policy);
        let Step::Challenge(reply) = step else { panic!("{step:?}") };
        let reply = String::from_utf8(reply).unwrap();
        let (nonce, rest) = reply.split_once(",s=").unwrap();
        (nonce.len(), rest.len(), rest.to_owned())
    };
    let (ann, bob) = (challenge("ann", &policy), challenge("bob", &policy));
    assert_eq!((ann.0, ann.1), (bob.0, bob.1), "the same lengths");
    assert!(bob.2.ends_with(",i=4096"));
    assert_eq!(challenge("bob", &policy), bob, "a name always has the same salt");
    assert_ne!(challenge("carl", &policy).2, bob.2, "and no other name has it");
    assert_ne!(challenge("bob", &Policy::new(Method::Password(Users::default()), [2; 32])).2, bob.2);
    let derivation = |name: &str| match Login::new(Mechanism::Plain).on_message(
        format!("\0{name}\0x").as_bytes(),
        &local(),
        &policy,
    ) {
        Step::Compute(Work::Hash(derivation)) => (derivation.iterations, derivation.salt.len()),
        step => panic!("{step:?}"),
    };
    assert_eq!(derivation("ann"), derivation("bob"));
}

#[test]
fn mechanisms_depend_on_the_connection() {
    use Mechanism::{External, Plain, ScramSha256 as Scram, ScramSha256Plus as Plus};
    let open = Evidence::default();
    let old_tls = Evidence { is_encrypted: true, ..Evidence::default() };
    let of = |policy: &Policy, evidence: &Evidence| policy.mechanisms(evidence).collect::<Vec<_>>();
    assert_eq!(of(&policy(), &encrypted()), [Plus, Scram, Plain]);
    assert_eq!(of(&policy(), &old_tls), [Scram, Plain]);
    assert_eq!(of(&policy(), &local()), [Scram, Plain]);
    assert_eq!(of(&policy(), &open), []);
    assert_eq!(of(&policy().allowing_cleartext(true), &open), [Scram]);
    assert_eq!(of(&policy().allowing_plain(false), &local()), [Scram]);
    assert_eq!(of(&Policy::new(Method::Certificate, [1; 32]), &encrypted()), [External]);
    let not_offered = Step::Rejected(Rejection::NotOffered);
    for mechanism in [Plus, Scram, Plain, External] {
        assert_eq!(Login::new(mechanism).on_message(b"", &open, &policy()), not_offered, "{mechanism:?}");
        let name = mechanism.name();
        assert_eq!(Mechanism::of(name.to_ascii_lowercase().as_bytes()), Some(mechanism));
    }
    assert_eq!(Mechanism::of(b"SCRAM-SHA-1"), None);
}

#[test]
fn connection_proves_a_name_only_if_a_user_can_have_it() {
    let no_name = Step::Rejected(Rejection::NoName);
    let by_certificate = Policy::new(Method::Certificate, [1; 32]);
    let with = |name: &str| Evidence { certificate: Some(name.to_owned()), ..encrypted() };
    let external = |evidence: &Evidence, message: &[u8]| {
        Login::new(Mechanism::External).on_message(message, evidence, &by_certificate)
    };
    assert_eq!(external(&with("ann"), b""), Step::Accepted { name: ann(), last: None });
    assert_eq!(external(&with("ann"), b"ann"), Step::Accepted { name: ann(), last: None });
    for other in [&b"root"[..], b"Ann", b"ann\0", b"an", b"\xff"] {
        assert_eq!(external(&with("ann"), other), Step::Rejected(Flaw::OtherUser.into()));
    }
    for evidence in [with("Ann Example"), with("a\x1b[2J"), with(""), encrypted(), Evidence { uid: Some(0), ..local() }]
    {
        assert_eq!(external(&evidence, b""), no_name, "{evidence:?}");
    }
    let by_process = Policy::new(Method::Process, [1; 32]);
    let begin = |evidence: &Evidence| {
        let mut login = Login::new(Mechanism::External);
        let step = login.on_message(b"", evidence, &by_process);
        (login, step)
    };
    let (mut login, step) = begin(&Evidence { uid: Some(7), ..local() });
    assert_eq!(step, Step::Compute(Work::LookUp(7)));
    let found = Answer::Name(Some("ann".to_owned()));
    assert_eq!(login.on_answer(&found), Step::Accepted { name: ann(), last: None });
    assert_eq!(login.on_answer(&found), Step::Rejected(Rejection::Unexpected));
    assert_eq!(begin(&Evidence { uid: Some(7), ..local() }).0.on_answer(&Answer::Name(None)), no_name);
    let busy = Step::Rejected(Rejection::Busy);
    assert_eq!(begin(&Evidence { uid: Some(7), ..local() }).0.on_answer(&Answer::Busy), busy);
    assert_eq!(begin(&local()).1, no_name);
}
