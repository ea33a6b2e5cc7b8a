//! `listen --service rooms --irc`: many members of one room, and one that does not read.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::irc::{Rooms, enter};
use crate::support::tcp;

/// The members of the room; each takes a descriptor here and one of the listener.
const MEMBERS: usize = 250;

fn read(member: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    assert_ne!(member.read_line(&mut line).unwrap(), 0, "it was closed");
    line
}

#[test]
fn line_reaches_each_of_many_members_once() {
    let rooms = Rooms::start(&["-v", "--rate-limit", "0", "--history", "0"]);
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|number| {
            let mut member = tcp(rooms.irc);
            enter(&mut member, &format!("m{number}"));
            member.write_all(b"JOIN #lab\r\n").unwrap();
            BufReader::new(member)
        })
        .collect();
    // One more reads nothing after its entrance, and is sent more than may wait for it.
    let mut silent = tcp(rooms.irc);
    enter(&mut silent, "silent");
    silent.write_all(b"JOIN #lab\r\n").unwrap();
    for member in &mut members {
        while !read(member).starts_with(":silent!silent@secretcat JOIN #lab") {}
    }
    let (speaker, others) = members.split_first_mut().unwrap();
    let flood = format!("PRIVMSG silent :{}\r\n", "x".repeat(400)).repeat(100);
    let stream = speaker.get_ref().try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The socket buffers of both sides hold a few MB at most. Later lines get 401.
            for _ in 0..400 {
                (&stream).write_all(flood.as_bytes()).unwrap();
            }
            (&stream).write_all(b"PRIVMSG #lab :hello all\r\nPRIVMSG #lab :the end\r\nPING x\r\n").unwrap();
        });
        while !read(speaker).ends_with(" PONG irc.secretcat :x\r\n") {}
    });
    for (number, member) in others.iter_mut().enumerate() {
        let lines: Vec<_> = (0..3).map(|_| read(member)).collect();
        let expected = [
            ":silent!silent@secretcat QUIT :reads too slowly\r\n",
            ":m0!m0@secretcat PRIVMSG #lab :hello all\r\n",
            ":m0!m0@secretcat PRIVMSG #lab :the end\r\n",
        ];
        assert_eq!(lines, expected, "member {}", number + 1);
    }
    let log = rooms.server.stop().stderr;
    assert_eq!(log.matches("client reads too slowly").count(), 1, "{log}");
}
