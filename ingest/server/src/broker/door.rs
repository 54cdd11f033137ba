//! The door of the embedded broker: who comes in, and what they may do there.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use mqtt5::{
    broker::{AuthProvider, AuthResult},
    error::Result,
    packet::connect::ConnectPacket,
    protocol::v5::reason_codes::ReasonCode,
};
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, watch};
use tram_wire::NodeId;

use super::{access::Client, complaints::Complaints, credentials::Credentials, failures::Failures};
use crate::{
    clock,
    enrol::{Office, Papers},
};

/// User name and client identifier of the centre's own client. The underscore keeps it apart from
/// every node name.
pub(crate) const CENTRE: &str = "tram_centre";
/// The most passwords verified at once; each takes 19 MiB for tens of milliseconds.
const MAX_VERIFICATIONS: usize = 2;
/// The longest password that is looked at.
const MAX_PASSWORD_BYTES: usize = 256;

/// How often the door stayed shut.
#[derive(Debug, Default)]
pub(crate) struct DoorCounters {
    /// Connections refused because of name, password or address.
    pub(crate) connections_refused: AtomicU64,
    /// Publishes refused because the topic belongs to somebody else.
    pub(crate) publishes_refused: AtomicU64,
    /// Subscriptions refused because the topic belongs to somebody else.
    pub(crate) subscriptions_refused: AtomicU64,
    /// Encrypted connections that came to nothing because the handshake failed.
    pub(crate) handshakes_failed: AtomicU64,
    /// Encrypted connections refused because there were too many clients.
    pub(crate) over_limit: AtomicU64,
    /// Connections refused because the node was revoked.
    pub(crate) revoked: AtomicU64,
    /// Connections ended because the node was revoked meanwhile.
    pub(crate) connections_cut: AtomicU64,
}

/// The door.
pub(crate) struct Door {
    credentials: Option<Arc<Credentials>>,
    anonymous_loopback: bool,
    own_password: String,
    office: Option<Arc<Office>>,
    failures: Mutex<Failures>,
    complaints: Mutex<Complaints>,
    verifications: Semaphore,
    /// Whether the centre listens already. Whoever comes earlier waits, so that nothing is
    /// published that nobody hears.
    open: watch::Sender<bool>,
    /// What it refused.
    pub(crate) counters: DoorCounters,
}

pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Door {
    /// A door with the nodes' credentials; `own_password` is random and known to nobody else.
    /// A node that the office has given a certificate comes in with that only.
    pub(crate) fn new(
        credentials: Option<Arc<Credentials>>,
        anonymous_loopback: bool,
        own_password: String,
        office: Option<Arc<Office>>,
    ) -> Self {
        Self {
            credentials,
            anonymous_loopback,
            own_password,
            office,
            failures: Mutex::default(),
            complaints: Mutex::default(),
            verifications: Semaphore::new(MAX_VERIFICATIONS),
            open: watch::Sender::new(false),
            counters: DoorCounters::default(),
        }
    }

    /// Lets the nodes in.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// User name and password of the centre's own client.
    pub(super) fn own_login(&self) -> (String, String) {
        (CENTRE.to_owned(), self.own_password.clone())
    }

    async fn identify(&self, connect: &ConnectPacket, from: SocketAddr) -> Option<Client> {
        let password = connect.password.as_deref().unwrap_or_default();
        let client = match connect.username.as_deref() {
            None | Some("") => {
                (self.anonymous_loopback && from.ip().is_loopback()).then_some(Client::Anonymous)?
            }
            Some(CENTRE) => bool::from(self.own_password.as_bytes().ct_eq(password))
                .then_some(Client::Centre)?,
            Some(name) => {
                let node = NodeId::new(name).ok()?;
                self.knows(node, password, from).await.then_some(Client::Node(node))?
            }
        };
        if client != Client::Centre {
            self.opened().await;
        }
        fits(client, &connect.client_id).then_some(client)
    }

    /// Waits until the centre listens.
    async fn opened(&self) {
        // The broker gives a connection ten seconds; the sender lives as long as the door.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    /// Whether a node whose certificate is good may come in under this client identifier.
    pub(super) async fn welcomes(&self, node: NodeId, client_id: &str) -> bool {
        self.opened().await;
        fits(Client::Node(node), client_id)
    }

    /// Counts and tells that a node was turned away whose certificate was revoked.
    pub(super) fn turn_away(&self, papers: &Papers, from: SocketAddr) {
        if self.complain(&self.counters.revoked) {
            let (node, serial) = (papers.node, papers.serial);
            tracing::warn!(address = %from, %node, %serial, "the broker refused a revoked node");
        }
    }

    /// Counts and tells that a connection was refused.
    pub(super) fn refuse(&self, connect: &ConnectPacket, from: SocketAddr) -> AuthResult {
        if self.complain(&self.counters.connections_refused) {
            tracing::warn!(
                address = %from,
                user = connect.username.as_deref().unwrap_or_default(),
                client = connect.client_id,
                "the broker refused a connection"
            );
        }
        AuthResult::fail(ReasonCode::BadUsernameOrPassword)
    }

    async fn knows(&self, node: NodeId, password: &[u8], from: SocketAddr) -> bool {
        let Some(credentials) = &self.credentials else { return false };
        if self.office.as_ref().is_some_and(|o| o.enrolled(&node, clock::now())) {
            return false;
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return false;
        }
        if credentials.remembers(&node, password) {
            return true;
        }
        if self.failures().too_many(from.ip(), clock::instant()) {
            return false;
        }
        // The semaphore is never closed.
        let Ok(_permit) = self.verifications.acquire().await else { return false };
        let (credentials, password) = (Arc::clone(credentials), password.to_vec());
        let verified =
            tokio::task::spawn_blocking(move || credentials.verify(&node, &password)).await;
        let right = verified.unwrap_or(false);
        if !right {
            self.failures().count(from.ip(), clock::instant());
        }
        right
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a refusal, and says whether to log it; see [`Complaints`].
    fn complain(&self, counter: &AtomicU64) -> bool {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut complaints =
            self.complaints.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match complaints.one_more(clock::instant()) {
            Some(0) => true,
            Some(kept_back) => {
                tracing::warn!(kept_back, "more was refused than is logged");
                true
            }
            None => false,
        }
    }

    /// Who a connection belongs to that [`identify`](Self::identify) let in.
    fn client(&self, user: Option<&str>) -> Option<Client> {
        match user {
            Some(CENTRE) => Some(Client::Centre),
            Some(name) => NodeId::new(name).ok().map(Client::Node),
            None => self.anonymous_loopback.then_some(Client::Anonymous),
        }
    }
}

/// A client identifier is a key to a session: nobody may take that of another. A node uses its
/// own name, or its name, a full stop and anything; both end where another's name would begin.
fn fits(client: Client, client_id: &str) -> bool {
    match client {
        Client::Centre => own_name(client_id),
        Client::Anonymous => !own_name(client_id),
        Client::Node(node) => {
            let assigned = client_id.strip_prefix("auto-").is_some_and(|r| r.len() == 32);
            let rest = client_id.strip_prefix(node.as_str());
            assigned || rest.is_some_and(|r| r.is_empty() || r.starts_with('.'))
        }
    }
}

/// Whether it is a client identifier of the centre: its link's, or its loudspeakers'.
fn own_name(client_id: &str) -> bool {
    let rest = client_id.strip_prefix(CENTRE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(".loudspeaker-"))
}

impl AuthProvider for Door {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client_addr: SocketAddr,
    ) -> Answer<'a, Result<AuthResult>> {
        Box::pin(async move {
            Ok(match self.identify(connect, client_addr).await {
                Some(Client::Centre) => AuthResult::success_with_user(CENTRE),
                Some(Client::Node(node)) => AuthResult::success_with_user(node.as_str()),
                Some(Client::Anonymous) => AuthResult::success(),
                None => self.refuse(connect, client_addr),
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        client_id: &str,
        user_id: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = self.client(user_id).is_some_and(|c| c.may_publish(topic));
        if !allowed && self.complain(&self.counters.publishes_refused) {
            tracing::warn!(client = client_id, topic, "the broker refused a publish");
        }
        Box::pin(std::future::ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        client_id: &str,
        user_id: Option<&'a str>,
        topic_filter: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = self.client(user_id).is_some_and(|c| c.may_subscribe(topic_filter));
        if !allowed && self.complain(&self.counters.subscriptions_refused) {
            tracing::warn!(client = client_id, topic_filter, "the broker refused a subscription");
        }
        Box::pin(std::future::ready(allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_identifier_belongs_to_its_owner() {
        let a = Client::Node(NodeId::new("a").unwrap());
        let assigned = "auto-0123456789abcdef0123456789abcdef";
        for (client, id, allowed) in [
            (a, "a", true),
            (a, "a.second", true),
            (a, assigned, true),
            (a, "a-b", false),
            (a, "b", false),
            (a, CENTRE, false),
            (Client::Centre, CENTRE, true),
            (Client::Centre, "a", false),
            (Client::Anonymous, "a", true),
            (Client::Anonymous, CENTRE, false),
            (Client::Centre, "tram_centre.loudspeaker-0", true),
            (Client::Anonymous, "tram_centre.loudspeaker-0", false),
        ] {
            assert_eq!(fits(client, id), allowed, "{client:?} {id}");
        }
    }
}
