//! Who goes next when many want the same thing: a queue that gives each client the same share.
//!
//! Start-time fair queuing (Goyal, Vin, Cheng 1996): each client has a lane and a virtual time that grows with what it
//! was given; the lane furthest behind goes next. A client that asks for little is therefore never behind one that
//! asks for much, and a client alone gets everything. It holds no locks and knows no time; callers bring both.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
};

/// Who is asking: an address, or for IPv6 the network of 64 bits that one user commonly has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(IpAddr);

impl Client {
    /// Work of the program itself.
    pub const OWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The client at an address.
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }

    /// The client whose request the present task answers; [`Client::OWN`] outside of requests.
    pub fn current() -> Self {
        CURRENT.try_with(|client| *client).unwrap_or(Self::OWN)
    }

    /// Runs `work` in this client's name.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

tokio::task_local! {
    static CURRENT: Client;
}

/// Lanes of gone clients are swept once there are so many.
const MAX_IDLE_LANES: usize = 1024;

/// What waits, by client.
#[derive(Debug)]
pub struct FairQueue<T> {
    lanes: HashMap<Client, Lane<T>>,
    /// Lanes that hold something, the one furthest behind first.
    order: BTreeSet<(u64, Client)>,
    now: u64,
    len: usize,
}

#[derive(Debug)]
struct Lane<T> {
    items: VecDeque<T>,
    /// Virtual time at which its next item begins.
    begins: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), order: BTreeSet::new(), now: 0, len: 0 }
    }
}

impl<T> FairQueue<T> {
    /// Puts `item` at the end of its client's lane.
    pub fn push(&mut self, client: Client, item: T) {
        if self.lanes.len() >= MAX_IDLE_LANES && self.lanes.len() > 2 * self.order.len() {
            self.lanes.retain(|_, lane| !lane.items.is_empty());
        }
        let lane = self.lanes.entry(client).or_insert(Lane { items: VecDeque::new(), begins: 0 });
        if lane.items.is_empty() {
            // Time that was not used is not saved up.
            lane.begins = lane.begins.max(self.now);
            self.order.insert((lane.begins, client));
        }
        lane.items.push_back(item);
        self.len += 1;
    }

    /// The item that [`Self::pop`] gives next.
    pub fn peek(&self) -> Option<&T> {
        let (_, client) = self.order.first()?;
        self.lanes.get(client)?.items.front()
    }

    /// The next item, whose client is charged `cost`.
    pub fn pop(&mut self, cost: u64) -> Option<(Client, T)> {
        self.pop_if(cost, |_| true)
    }

    /// The next item that `may` go: in the order of clients, of each the first that may. One that may not holds up
    /// nothing behind it.
    pub fn pop_if(&mut self, cost: u64, may: impl Fn(&T) -> bool) -> Option<(Client, T)> {
        let first = |client: &Client| self.lanes.get(client)?.items.iter().position(&may);
        let (begins, client, at) =
            self.order.iter().find_map(|&(begins, client)| Some((begins, client, first(&client)?)))?;
        self.order.remove(&(begins, client));
        let lane = self.lanes.get_mut(&client)?;
        let item = lane.items.remove(at)?;
        self.now = self.now.max(begins);
        lane.begins = begins.saturating_add(cost);
        if !lane.items.is_empty() {
            self.order.insert((lane.begins, client));
        }
        self.len -= 1;
        Some((client, item))
    }

    /// Charges a client more than it was charged when its item was taken.
    pub fn charge(&mut self, client: Client, more: u64) {
        let Some(lane) = self.lanes.get_mut(&client) else { return };
        let waits = self.order.remove(&(lane.begins, client));
        lane.begins = lane.begins.saturating_add(more);
        if waits {
            self.order.insert((lane.begins, client));
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::at(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn a_client_that_asks_for_little_is_next_whatever_another_asks_for() {
        let mut queue = FairQueue::default();
        (0..1000).for_each(|number| queue.push(client(1), number));
        assert_eq!(queue.pop(1), Some((client(1), 0)));
        queue.push(client(2), 7);
        assert_eq!(queue.pop(1), Some((client(2), 7)));
        assert_eq!((queue.pop(1), queue.len()), (Some((client(1), 1)), 998));
    }

    #[test]
    fn two_that_ask_for_much_share_by_cost() {
        let mut queue = FairQueue::default();
        for _ in 0..1000 {
            queue.push(client(1), 3);
            queue.push(client(2), 1);
        }
        let mut given = [0; 2];
        for _ in 0..400 {
            let (who, cost) = queue.pop(1).unwrap();
            queue.charge(who, cost - 1);
            given[usize::from(who == client(2))] += cost;
        }
        assert!(given[0].abs_diff(given[1]) <= 3, "{given:?}");
    }

    #[test]
    fn an_item_that_may_not_go_lets_others_pass_and_keeps_its_place() {
        let mut queue = FairQueue::default();
        queue.push(client(1), 1);
        queue.push(client(2), 2);
        assert_eq!(queue.pop_if(1, |item| *item != 1), Some((client(2), 2)));
        assert_eq!(queue.pop_if(1, |item| *item != 1), None);
        queue.push(client(1), 3);
        queue.push(client(1), 4);
        assert_eq!(queue.pop_if(1, |item| *item != 1), Some((client(1), 3)), "nor of its own client");
        assert_eq!(queue.pop(1), Some((client(1), 1)));
        assert_eq!(queue.pop(1), Some((client(1), 4)));
        assert!(queue.is_empty() && queue.pop(1).is_none());
    }

    #[test]
    fn lanes_of_the_gone_do_not_pile_up() {
        let mut queue = FairQueue::default();
        for number in 0..100_000_u32 {
            queue.push(Client::at(IpAddr::from(number.to_be_bytes())), ());
            queue.pop(1);
        }
        assert!(queue.lanes.len() <= MAX_IDLE_LANES, "{}", queue.lanes.len());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_its_ipv4() {
        let at = |text: &str| Client::at(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), client(1));
    }
}
