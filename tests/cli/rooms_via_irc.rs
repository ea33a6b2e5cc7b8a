//! `--rooms-via` and `--irc` together: members by IRC and by lines, at several servers.

use std::io::Write;

use rustix::process::Signal;

use crate::irc::Rooms;
use crate::rooms_via::{broker, broker_again, label, member, read_until};
use crate::support::read_line;

#[test]
fn members_by_irc_and_by_lines_meet_across_servers() {
    let Some((_broker, address)) = broker(&[]) else { return };
    let via = format!("nats://{address}");
    let [a, b] = [(); 2].map(|()| Rooms::start(&["--rooms-via", &via]));
    let (of_a, of_b) = (label(&a.server), label(&b.server));
    let mut ann = a.member("ann");
    ann.write_all(b"JOIN #lab\r\n").unwrap();
    read_until(&mut ann, " 366 ");
    let mut bob = member(&b.server, "bob");
    let from_bob = format!(":bob/{of_b}!bob/{of_b}@secretcat");
    assert_eq!(read_line(&mut ann), format!("{from_bob} JOIN #lab\r\n"));

    // Each side lists the members of both.
    ann.write_all(b"NAMES #lab\r\n").unwrap();
    assert_eq!(read_line(&mut ann), format!(":irc.secretcat 353 ann = #lab :ann bob/{of_b}\r\n"));
    assert!(read_line(&mut ann).contains(" 366 "));
    bob.write_all(b"/names\n").unwrap();
    read_until(&mut bob, "* 2 members in lab:");
    assert_eq!(read_line(&mut bob), format!("* ann/{of_a} bob\n"));

    // What IRC asks about members and channels is answered for those of other servers, too.
    let bob_there = format!("bob/{of_b}");
    let questions = format!(
        "WHO #lab\r\nWHO b*\r\nWHO {bob_there} %snd\r\nWHOIS {bob_there}\r\n\
        ISON {bob_there} bob\r\nUSERHOST {bob_there}\r\nLIST\r\nLUSERS\r\n"
    );
    let who = format!("{bob_there} secretcat {of_b} {bob_there} H :1 {bob_there}");
    let answers = [
        "352 ann #lab ann secretcat irc.secretcat ann H :0 ann E.".to_owned(),
        format!("352 ann #lab {who}"),
        "315 ann #lab :End of /WHO list".to_owned(),
        format!("352 ann * {who}"),
        "315 ann b* :End of /WHO list".to_owned(),
        format!("354 ann {of_b} {bob_there} 1"),
        format!("315 ann {bob_there} :End of /WHO list"),
        format!("311 ann {bob_there} {bob_there} secretcat * :{bob_there}"),
        format!("319 ann {bob_there} :#lab"),
        format!("312 ann {bob_there} {of_b} :secretcat rooms"),
        format!("318 ann {bob_there} :End of /WHOIS list"),
        format!("303 ann :{bob_there}"),
        format!("302 ann :{bob_there}=+{bob_there}@secretcat"),
        "322 ann #lab 2 :".to_owned(),
        "323 ann :End of /LIST".to_owned(),
        "251 ann :There are 2 users and 0 invisible on 1 servers".to_owned(),
        "252 ann 0 :operator(s) online".to_owned(),
        "254 ann 1 :channels formed".to_owned(),
        "255 ann :I have 1 clients and 0 servers".to_owned(),
        "265 ann 1 :Current local users 1".to_owned(),
        "266 ann 2 :Current global users 2".to_owned(),
    ];
    ann.write_all(questions.as_bytes()).unwrap();
    for answer in answers {
        assert_eq!(read_line(&mut ann), format!(":irc.secretcat {answer}\r\n"));
    }

    // Lines for all.
    ann.write_all(b"PRIVMSG #lab :hi all\r\nPRIVMSG #lab :\x01ACTION waves\x01\r\nNOTICE #lab :ten\r\n").unwrap();
    let lines = [(); 3].map(|()| read_line(&mut bob));
    let expected = ["> hi all", " (action)> waves", " (notice)> ten"].map(|line| format!("ann/{of_a}{line}\n"));
    assert_eq!(lines, expected);
    bob.write_all(b"hi ann\n/topic exam on Friday\n").unwrap();
    assert_eq!(read_line(&mut ann), format!("{from_bob} PRIVMSG #lab :hi ann\r\n"));
    assert_eq!(read_line(&mut ann), format!("{from_bob} TOPIC #lab :exam on Friday\r\n"));
    assert_eq!(read_line(&mut bob), "* bob set the topic: exam on Friday\n");

    // Private lines, in both directions.
    ann.write_all(format!("PRIVMSG bob/{of_b} :psst\r\nPRIVMSG bob :who\r\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut bob), format!("ann/{of_a} (private)> psst\n"));
    assert!(read_line(&mut ann).starts_with(":irc.secretcat 401 ann bob :"));
    bob.write_all(format!("/msg ann/{of_a} back\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut bob), format!("* sent to ann/{of_a}\n"));
    assert_eq!(read_line(&mut ann), format!("{from_bob} PRIVMSG ann :back\r\n"));

    // A member by IRC at the other server, too.
    let mut eve = b.member("eve");
    eve.write_all(b"JOIN #lab\r\n").unwrap();
    let names = read_until(&mut eve, " 353 ");
    let listed = |name: &str| names.trim_end().split([' ', ':']).any(|word| word == name);
    assert!(["eve", "bob", &format!("ann/{of_a}")].iter().all(|name| listed(name)), "{names}");
    read_until(&mut eve, " 366 ");
    assert_eq!(read_line(&mut ann), format!(":eve/{of_b}!eve/{of_b}@secretcat JOIN #lab\r\n"));
    assert_eq!(read_line(&mut bob), "* eve joined lab\n");
    eve.write_all(format!("PRIVMSG ann/{of_a} :by IRC\r\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut ann), format!(":eve/{of_b}!eve/{of_b}@secretcat PRIVMSG ann :by IRC\r\n"));

    // Names that change, and members that leave.
    bob.write_all(b"/nick bobby\n/quit bye\n").unwrap();
    assert_eq!(read_line(&mut ann), format!("{from_bob} NICK bobby/{of_b}\r\n"));
    let left = read_line(&mut ann);
    assert!(left.starts_with(&format!(":bobby/{of_b}!")) && left.ends_with(" QUIT :bye\r\n"), "{left}");
    ann.write_all(b"QUIT :home\r\n").unwrap();
    let left = read_until(&mut eve, " QUIT ");
    let left = if left.contains("bobby") { read_until(&mut eve, " QUIT ") } else { left };
    assert_eq!(left, format!(":ann/{of_a}!ann/{of_a}@secretcat QUIT :home\r\n"));
    a.server.stop();
    b.server.stop();
}

#[test]
fn list_of_members_follows_the_broker_and_the_servers() {
    let Some((first, address)) = broker(&[]) else { return };
    let via = format!("nats://{address}");
    let [a, b] = [(); 2].map(|()| Rooms::start(&["--rooms-via", &via]));
    let of_b = label(&b.server);
    label(&a.server);
    let mut bob = member(&b.server, "bob");
    let mut ann = a.member("ann");
    ann.write_all(b"JOIN #lab\r\n").unwrap();
    let from_bob = format!(":bob/{of_b}!bob/{of_b}@secretcat");
    let joined = format!("{from_bob} JOIN #lab\r\n");
    if !read_until(&mut ann, " 353 ").contains("bob/") {
        read_until(&mut ann, &joined);
    }
    read_until(&mut bob, "joined lab");

    // Line clients read one line, and no line for each member.
    first.signal(Signal::KILL);
    first.end();
    read_until(&mut ann, &format!("{from_bob} PART #lab :its server cannot be reached\r\n"));
    read_until(&mut ann, "NOTICE #lab :this room no longer reaches other servers");
    assert_eq!(read_line(&mut bob), "* this room no longer reaches other servers\n");
    let _second = broker_again(&address);
    read_until(&mut ann, &joined);
    assert!(read_line(&mut bob).starts_with("* this room reaches other servers again"));

    // A server that stops takes its members with it.
    b.server.proc.signal(Signal::KILL);
    drop(b);
    read_until(&mut ann, &format!("{from_bob} PART #lab :its server is gone\r\n"));
    read_until(&mut ann, "no longer answers: 1 member left");
    a.server.stop();
}
