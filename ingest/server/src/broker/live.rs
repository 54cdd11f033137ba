//! The encrypted connections that are open, so that they can be ended.

use std::{
    collections::HashMap,
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::enrol::Papers;

/// The connections of those who showed papers.
#[derive(Default)]
pub(super) struct Live {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// The papers, and the socket by a descriptor of its own, which outlives nobody.
    connections: HashMap<u64, (Papers, TcpStream)>,
}

/// A place among the open connections, given back when it is dropped.
pub(super) struct Place {
    live: Arc<Live>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.open().connections.remove(&self.number);
    }
}

impl Live {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a connection.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(super) fn enter(
        self: &Arc<Self>,
        papers: Papers,
        socket: &impl AsFd,
    ) -> std::io::Result<Place> {
        let descriptor: OwnedFd = socket.as_fd().try_clone_to_owned()?;
        let mut open = self.open();
        let number = open.next;
        open.next = open.next.wrapping_add(1);
        open.connections.insert(number, (papers, TcpStream::from(descriptor)));
        Ok(Place { live: Arc::clone(self), number })
    }

    /// Ends the connections of those who may stay no longer, and names them. The broker sees a
    /// connection that broke, and says so in the node's name, by its will.
    pub(super) fn cut(&self, stays: impl Fn(&Papers) -> bool) -> Vec<Papers> {
        let open = self.open();
        let gone = open.connections.values().filter(|(papers, _)| !stays(papers));
        gone.map(|(papers, socket)| {
            // One that is closed already is as good.
            let _ = socket.shutdown(Shutdown::Both);
            papers.clone()
        })
        .collect()
    }
}
