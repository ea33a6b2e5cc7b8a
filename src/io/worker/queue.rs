//! The orders that wait, in turns for the addresses that they come from: an address with many holds up no other one.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};

use super::Order;

/// Bounded lines of orders, one for each address.
#[derive(Debug)]
pub(super) struct Queue {
    most: usize,
    /// The address whose turn it is stands first. No line is empty.
    lines: VecDeque<Line>,
}

/// The orders of clients at one address.
#[derive(Debug)]
struct Line {
    address: Option<IpAddr>,
    orders: VecDeque<Order>,
}

impl Queue {
    /// A queue of at most this number of orders.
    pub(super) fn new(most: usize) -> Self {
        Queue { most, lines: VecDeque::new() }
    }

    /// Whether no order waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds an order. If the queue is full, returns the one for which there is no place: the last one of the address
    /// with the most orders, or else this one.
    pub(super) fn push(&mut self, order: Order) -> Option<Order> {
        let address = order.address.map(network);
        let mine = self.lines.iter().position(|line| line.address == address);
        let my_length = mine.map_or(0, |mine| self.lines[mine].orders.len());
        let mut left_out = None;
        if self.lines.iter().map(|line| line.orders.len()).sum::<usize>() >= self.most {
            // With the new one, its own line would be as long as the longest, or longer.
            let longest = self.lines.iter_mut().max_by_key(|line| line.orders.len());
            let Some(longest) = longest.filter(|line| line.orders.len() > my_length + 1) else { return Some(order) };
            left_out = longest.orders.pop_back();
        }
        match mine {
            Some(mine) => self.lines[mine].orders.push_back(order),
            None => self.lines.push_back(Line { address, orders: VecDeque::from([order]) }),
        }
        left_out
    }

    /// Takes the first order of the address whose turn it is; the next address follows.
    pub(super) fn pop(&mut self) -> Option<Order> {
        let mut line = self.lines.pop_front()?;
        let order = line.orders.pop_front();
        if !line.orders.is_empty() {
            self.lines.push_back(line);
        }
        order
    }
}

/// The addresses that one client can choose from: an IPv4 address, or 64 bits of IPv6 (RFC 4291, section 2.5.4).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Work;
    use crate::service::PeerId;

    fn order(address: &str, ticket: u64) -> Order {
        Order { peer: PeerId::conn(0), address: address.parse().ok(), ticket, work: Work::LookUp(0) }
    }

    fn all(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|order| order.ticket).collect()
    }

    #[test]
    fn addresses_take_turns() {
        let mut queue = Queue::new(9);
        for (address, ticket) in
            [("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.1", 3), ("192.0.2.2", 4), ("", 5), ("192.0.2.2", 6)]
        {
            assert!(queue.push(order(address, ticket)).is_none());
        }
        assert_eq!(all(&mut queue), [1, 4, 5, 2, 6, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn full_queue_leaves_out_the_address_with_the_most() {
        let mut queue = Queue::new(4);
        let mut left_out = |address: &str, ticket| queue.push(order(address, ticket)).map(|order| order.ticket);
        assert_eq!([1, 2, 3, 4, 5].map(|ticket| left_out("192.0.2.1", ticket)), [None, None, None, None, Some(5)]);
        assert_eq!(left_out("192.0.2.2", 6), Some(4));
        assert_eq!(left_out("192.0.2.2", 7), Some(3));
        assert_eq!(left_out("192.0.2.2", 8), Some(8), "it would have the most");
        assert_eq!(left_out("192.0.2.3", 9), Some(7));
        assert_eq!(left_out("192.0.2.4", 10), Some(2));
        assert_eq!(left_out("192.0.2.5", 11), Some(11), "each has one");
        assert_eq!(all(&mut queue), [1, 6, 9, 10]);
    }

    #[test]
    fn network_of_ipv6_is_one_address() {
        let mut queue = Queue::new(2);
        for (address, left_out) in
            [("2001:db8::1", None), ("2001:db8::2", None), ("2001:db8::ffff:1", Some(2)), ("::ffff:192.0.2.1", Some(1))]
        {
            assert_eq!(queue.push(order(address, left_out.unwrap_or(1))).map(|order| order.ticket), left_out);
        }
    }
}
