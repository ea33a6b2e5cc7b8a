//! A thread for work that would hold up an event loop: hashes of passwords, and names that the system looks up.

mod queue;

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use mio::Waker;

use self::queue::Queue;
use super::sys;
use super::threads::Thread;
use crate::auth::{Answer, Work};
use crate::service::PeerId;

/// The most orders that wait. With more logins at once some are refused, so that none waits for long: the hash of a
/// password takes about half a millisecond.
const MOST: usize = 64;

/// Work for a peer.
#[derive(Debug)]
pub struct Order {
    /// The peer.
    pub peer: PeerId,
    /// The address that it comes from; `None` on unix sockets.
    pub address: Option<IpAddr>,
    /// The number that the answer has too.
    pub ticket: u64,
    /// The work.
    pub work: Work,
}

/// Work that is done.
#[derive(Debug)]
pub struct Done {
    /// The peer.
    pub peer: PeerId,
    /// The number of the order.
    pub ticket: u64,
    /// The result.
    pub answer: Answer,
}

/// A worker of an event loop. Its thread starts with the first order, and ends when this is dropped.
#[derive(Debug)]
pub struct Worker {
    desk: Arc<Desk>,
    is_started: bool,
}

/// What the event loop and the thread share.
#[derive(Debug)]
struct Desk {
    papers: Mutex<Papers>,
    changed: Condvar,
    waker: Arc<Waker>,
}

#[derive(Debug)]
struct Papers {
    orders: Queue,
    done: Vec<Done>,
    is_over: bool,
}

impl Worker {
    /// A worker that wakes this event loop.
    #[must_use]
    pub fn new(waker: Arc<Waker>) -> Self {
        let papers = Papers { orders: Queue::new(MOST), done: Vec::new(), is_over: false };
        let desk = Desk { papers: Mutex::new(papers), changed: Condvar::new(), waker };
        Worker { desk: Arc::new(desk), is_started: false }
    }

    /// Takes an order. If too many wait, or the thread cannot be started, it or another one is answered with
    /// [`Answer::Busy`].
    pub fn take(&mut self, order: Order) {
        if !self.is_started {
            let desk = self.desk.clone();
            // It is not waited for: a lookup may take long, and nothing depends on it at the end.
            self.is_started = Thread::start("worker", move || desk.work()).is_ok();
        }
        let mut papers = self.desk.papers();
        let refused = if self.is_started { papers.orders.push(order) } else { Some(order) };
        self.desk.changed.notify_one();
        if let Some(Order { peer, ticket, .. }) = refused {
            papers.done.push(Done { peer, ticket, answer: Answer::Busy });
            let _ = self.desk.waker.wake(); // it fails only if the loop has ended
        }
    }

    /// The work that is done since the last call.
    #[must_use]
    pub fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.desk.papers().done)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.desk.papers().is_over = true;
        self.desk.changed.notify_one();
    }
}

impl Desk {
    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until the end.
    fn work(&self) {
        loop {
            let has_none = |papers: &mut Papers| papers.orders.is_empty() && !papers.is_over;
            let waited = self.changed.wait_while(self.papers(), has_none);
            let mut papers = waited.unwrap_or_else(PoisonError::into_inner);
            if papers.is_over {
                return;
            }
            let Some(Order { peer, ticket, work, .. }) = papers.orders.pop() else { continue };
            drop(papers);
            let answer = match work {
                Work::Hash(derivation) => Answer::Salted(derivation.run()),
                Work::LookUp(uid) => Answer::Name(sys::user_name(uid)),
            };
            self.papers().done.push(Done { peer, ticket, answer });
            let _ = self.waker.wake(); // it fails only if the loop has ended
        }
    }
}
