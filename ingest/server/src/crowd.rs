//! How many strangers may be at a door at once: whoever has not said yet who they are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The strangers at a door, by the network they come from.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_one: usize,
    here: Mutex<HashMap<IpAddr, usize>>,
}

/// A stranger's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    from: IpAddr,
}

impl Crowd {
    /// At most so many, and of them so many from one network: so that one who connects and says
    /// nothing, as often as they like, keeps nobody else out.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, here: Mutex::default() })
    }

    fn here(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = network(from);
        let mut here = self.here();
        let all: usize = here.values().sum();
        let of_one = here.get(&from).copied().unwrap_or_default();
        if all >= self.most || of_one >= self.most_of_one {
            return None;
        }
        here.insert(from, of_one + 1);
        Some(Place { crowd: Arc::clone(self), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = self.crowd.here();
        if let Some(n) = here.get_mut(&self.from) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                here.remove(&self.from);
            }
        }
    }
}

/// Whoever has one IPv6 address has the other 2^64 of its network as well.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_neighbour() {
        for (address, neighbour) in [
            ("10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), neighbour);
        }
    }

    #[test]
    fn one_network_leaves_room_for_others() {
        let crowd = Crowd::new(5, 3);
        let [a, b] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        let mut places: Vec<_> = std::iter::from_fn(|| crowd.enter(a)).collect();
        assert_eq!(places.len(), 3);
        places.extend(std::iter::from_fn(|| crowd.enter(b)));
        assert_eq!(places.len(), 5, "the whole is bounded as well");
        places.remove(0);
        assert!(crowd.enter(b).is_some() && crowd.enter(a).is_some());
        places.clear();
        assert!(crowd.here().is_empty());
    }
}
