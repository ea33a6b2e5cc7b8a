//! Services on the real engine, over sockets: timers, the store, and a framing that changes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::config::{Color, ModeOptions};
use crate::io::recorder::Recorder;
use crate::io::report::Report;
use crate::io::signal::Signals;
use crate::service::{Entry, Event, ServiceKind, Store, Traits};
use crate::value::{Named, Word};

/// The longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Clone, Debug, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl Store for Journal {
    fn append(&mut self, record: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(record);
    }
}

/// Stops the service even if the test fails, which would wait for it otherwise.
struct StopAtEnd<'a>(&'a Signals);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Serves this mode while `act` runs, and then stops in order. Returns the journal.
fn serving(mode: Mode, act: impl FnOnce(SocketAddr)) -> String {
    let config = ListenConfig::private("127.0.0.1:0".parse().unwrap(), Framing::Lines, 1024);
    let config = ListenConfig { mode, ..config }.check().unwrap();
    let signals = Signals::default();
    let context = Context {
        report: Report::stderr(Color::Never),
        recorder: Recorder::default(),
        signals: signals.clone(),
        manager: Manager::default(),
        proxy: None,
        witness: None,
    };
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    signals.watch(&reactor.waker());
    let options = &config.traffic.socket;
    let mut listener = Listener::bind(&config.address, config.family, options, &mut reactor, &signals).unwrap();
    listener.register(&mut reactor).unwrap();
    let addr = listener.local_addr().unwrap();
    let (journal, shared) = (Journal::default(), &Shared::default());
    thread::scope(|scope| {
        let store = journal.clone();
        let serving =
            scope.spawn(|| serve(&config, &context, reactor, vec![listener], shared, Box::new(store)).unwrap());
        {
            let _stop = StopAtEnd(&signals);
            act(addr);
        }
        serving.join().unwrap();
    });
    let records = journal.0.lock().unwrap().clone();
    String::from_utf8(records).unwrap()
}

fn connect(addr: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    BufReader::new(stream)
}

fn line(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    line
}

/// Reads lines up to this one, and nothing other than announcements before it.
fn wait_for(client: &mut BufReader<TcpStream>, expected: &str) {
    loop {
        match line(client) {
            found if found == expected => return,
            found => assert!(found.ends_with(" present\n"), "{found:?}"),
        }
    }
}

#[test]
fn chat_announces_by_a_timer_and_writes_a_journal() {
    let meeting = *ServiceKind::ALL.iter().find(|service| service.word().name == "meeting").unwrap();
    let journal = serving(ModeOptions::of(meeting).into_mode().unwrap(), |addr| {
        let (mut one, mut two) = (connect(addr), connect(addr));
        for client in [&mut one, &mut two] {
            wait_for(client, "2 present\n");
            assert_eq!(line(client), "2 present\n"); // the timer was set again
        }
        one.get_ref().write_all(b"hello\n").unwrap();
        wait_for(&mut two, "hello\n");
        two.get_ref().write_all(b"bye").unwrap();
        two.get_ref().shutdown(Shutdown::Write).unwrap();
        wait_for(&mut one, "bye\n");
        wait_for(&mut one, "1 present\n");
    });
    assert_eq!(journal, "hello\nbye\n");
}

/// Lines until one says `length`, then messages after their length. Each is printed as it was found.
#[derive(Debug)]
struct Upgrading;

const UPGRADING: Entry = Entry {
    word: Word::new("upgrading", "Change the framing"),
    traits: Traits { answers: true, ..Traits::PLAIN },
    new: || Box::new(Upgrading),
};

impl Service for Upgrading {
    fn on(&mut self, event: Event<'_>, context: &mut crate::service::Context) {
        match event {
            Event::Message { peer, bytes } => {
                if bytes == b"length" {
                    context.upgrade(peer, "length:u8".parse().unwrap());
                } else if bytes == b"lines" {
                    context.upgrade(peer, Framing::Lines);
                }
                context.send(peer, format!("{:?}\n", String::from_utf8_lossy(bytes)).as_bytes());
            }
            Event::Eof { peer } => context.close(peer),
            _ => {}
        }
    }
}

#[test]
fn bytes_after_an_upgrade_are_decoded_with_the_new_framing() {
    let sent = b"a\nlength\n\x03b\nc\x05linesend\n";
    let expected = "\"a\"\n\"length\"\n\"b\\nc\"\n\"lines\"\n\"end\"\n";
    for step in [1, 2, 7, sent.len()] {
        serving(Mode::Plain(&UPGRADING), |addr| {
            let mut client = connect(addr);
            for part in sent.chunks(step) {
                client.get_ref().write_all(part).unwrap();
            }
            // No further byte or end of the client is needed for these.
            let mut replies = vec![0; expected.len()];
            client.read_exact(&mut replies).unwrap();
            assert_eq!(String::from_utf8(replies).unwrap(), expected, "in steps of {step}");
        });
    }
}
