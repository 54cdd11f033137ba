//! Where nodes get their certificates: what is asked is checked, written down, and only then
//! answered.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateSigningRequestParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKey,
    PublicKeyData as _,
};
use rustls::pki_types::CertificateSigningRequestDer;
use tram_wire::{
    EnrolAnswer, EnrolCode, EnrolRefusal, EnrolRequest, Enrolment, NodeId, UnixMicros,
};

use super::{
    audit::{self, Line},
    authority::Authority,
    files::Folder,
    identity::ServerIdentity,
    outcome::Outcome,
    papers::{Papers, digest},
    registry::{self, Code, Registry, Serial},
};
use crate::{
    broker::node_add::{hexadecimal, random},
    time::rfc3339,
};

/// A node that renews before so much of its certificate's life has passed has lost its way.
const RENEWALS_A_LIFE: u32 = 20;

/// What the running centre knows of the registry without reading it.
#[derive(Default)]
struct Known {
    /// Which file it is: a new one is put into the place of the old, never written over.
    seen: Option<(SystemTime, u64)>,
    nodes: HashMap<NodeId, registry::Node>,
}

/// The office.
pub(crate) struct Office {
    folder: Folder,
    data: PathBuf,
    authority: Arc<Authority>,
    names: Vec<String>,
    certificate_life: Duration,
    broker: OnceLock<String>,
    known: RwLock<Known>,
    /// One request is written down at a time; the lock of the folder keeps other programs out.
    turn: Mutex<()>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
}

impl Office {
    /// Opens the office of a data folder, and makes its authority on first use.
    ///
    /// # Errors
    /// What the file system says, or `InvalidData`.
    pub(crate) fn open(
        data: &Path,
        names: Vec<String>,
        certificate_life: Duration,
        now: UnixMicros,
    ) -> io::Result<Self> {
        let folder = Folder::open(data)?;
        let lock = folder.lock()?;
        let authority = Arc::new(Authority::open(&folder, now)?);
        let office = Self {
            data: data.to_owned(),
            authority,
            names,
            certificate_life,
            broker: OnceLock::new(),
            known: RwLock::default(),
            turn: Mutex::new(()),
            outcomes: Default::default(),
            folder,
        };
        office.learn()?;
        drop(lock);
        Ok(office)
    }

    /// The centre's certificate for its own ports.
    ///
    /// # Errors
    /// `InvalidData` when it cannot be made.
    pub(crate) fn identity(&self) -> io::Result<ServerIdentity> {
        ServerIdentity::new(Arc::clone(&self.authority), self.names.clone())
    }

    /// The authority that signs.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How long a certificate lives.
    pub(super) fn certificate_life(&self) -> Duration {
        self.certificate_life
    }

    /// Says which broker nodes are sent to; the first word counts.
    pub(crate) fn send_to(&self, broker: String) {
        let _ = self.broker.set(broker);
    }

    /// Whether a node with these papers may come in.
    pub(crate) fn admits(&self, papers: &Papers) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.nodes.get(&papers.node).is_none_or(|n| !n.has_revoked(&papers.serial))
    }

    /// Whether a node has a certificate in force, so that a password is none of its ways in.
    pub(crate) fn enrolled(&self, node: &NodeId, now: UnixMicros) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.nodes.get(node).is_some_and(|n| n.in_force(now).is_some())
    }

    /// How many nodes have a certificate in force.
    pub(crate) fn count(&self, now: UnixMicros) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.nodes.values().filter(|n| n.in_force(now).is_some()).count()
    }

    /// How often requests ended this way.
    pub(crate) fn counted(&self, outcome: Outcome) -> u64 {
        let place = Outcome::ALL.iter().position(|o| *o == outcome);
        let counter = place.and_then(|i| self.outcomes.get(i));
        counter.map_or(0, |n| n.load(Ordering::Relaxed))
    }

    /// Looks whether somebody has changed the registry; returns whether it has been read again.
    pub(crate) fn look(&self) -> bool {
        let seen = stamp(&self.folder);
        if seen == self.known.read().unwrap_or_else(PoisonError::into_inner).seen {
            return false;
        }
        match self.learn() {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the registry of nodes cannot be read; what was known holds");
                self.known.write().unwrap_or_else(PoisonError::into_inner).seen = seen;
                false
            }
        }
    }

    fn learn(&self) -> io::Result<()> {
        let seen = stamp(&self.folder);
        let registry = Registry::load(&self.folder)?;
        let nodes = registry
            .nodes()
            .filter_map(|(name, node)| Some((NodeId::new(name).ok()?, node.clone())));
        let known = Known { seen, nodes: nodes.collect() };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Answers a request. `papers` are those the connection was made with. Waits for the disk.
    pub(super) fn answer(
        &self,
        request: &EnrolRequest,
        papers: Option<&Papers>,
        from: IpAddr,
        now: UnixMicros,
    ) -> EnrolAnswer {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.decide(request, papers, now);
        let outcome = match &answer {
            Ok(_) if request.secret.is_some() => Outcome::Enrolled,
            Ok(_) => Outcome::Renewed,
            Err(refusal) => Outcome::Refused(*refusal),
        };
        drop(turn);
        self.tell(request.node, outcome, answer.as_ref().ok(), from, now);
        answer
    }

    /// Counts an outcome, and writes it down.
    pub(super) fn tell(
        &self,
        node: NodeId,
        outcome: Outcome,
        given: Option<&Enrolment>,
        from: IpAddr,
        now: UnixMicros,
    ) {
        let place = Outcome::ALL.iter().position(|o| *o == outcome);
        if let Some(counter) = place.and_then(|i| self.outcomes.get(i)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let what = outcome.name();
        match outcome {
            Outcome::Enrolled | Outcome::Renewed => tracing::info!(%node, %from, "{what}"),
            Outcome::Refused(_) => tracing::warn!(%node, %from, "enrolment refused: {what}"),
        }
        let line = Line {
            what,
            node: node.as_str(),
            refusal: matches!(outcome, Outcome::Refused(_)),
            from: Some(from.to_string()),
            serial: given.and_then(|g| Papers::read(&g.certificate)).map(|p| p.serial.to_string()),
            until: given.map(|g| rfc3339(g.expires)),
            by: None,
        };
        audit::note(&self.folder, now, &line);
    }

    fn decide(
        &self,
        request: &EnrolRequest,
        papers: Option<&Papers>,
        now: UnixMicros,
    ) -> EnrolAnswer {
        let key = read_request(&request.request).ok_or(EnrolRefusal::BadRequest)?;
        let unavailable = |error: io::Error| {
            tracing::error!(%error, "a certificate cannot be written down, so it is not given");
            EnrolRefusal::Unavailable
        };
        let _lock = self.folder.lock().map_err(unavailable)?;
        let mut registry = Registry::load(&self.folder).map_err(unavailable)?;
        let digest = digest(key.der_bytes());
        match &request.secret {
            Some(secret) => {
                let entry = registry.known(&request.node).ok_or(EnrolRefusal::WrongCode)?;
                let code = entry.code.as_mut().ok_or(EnrolRefusal::WrongCode)?;
                code.take(secret, &hexadecimal(&digest), now)?;
            }
            None => self.may_renew(&registry, request.node, papers, &digest, now)?,
        }
        let given = self.give(&mut registry, request.node, &key, now).map_err(unavailable)?;
        registry.save(&self.folder).map_err(unavailable)?;
        self.learn().map_err(unavailable)?;
        Ok(given)
    }

    fn may_renew(
        &self,
        registry: &Registry,
        node: NodeId,
        papers: Option<&Papers>,
        key: &[u8; 32],
        now: UnixMicros,
    ) -> Result<(), EnrolRefusal> {
        let papers = papers.filter(|p| p.node == node).ok_or(EnrolRefusal::Revoked)?;
        if papers.key != *key {
            return Err(EnrolRefusal::BadRequest);
        }
        // A restored registry may never have heard of the node.
        let Some(entry) = registry.get(&node) else { return Ok(()) };
        if entry.has_revoked(&papers.serial) {
            return Err(EnrolRefusal::Revoked);
        }
        let pause = self.certificate_life / RENEWALS_A_LIFE;
        let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
        let newest = entry.certificates.iter().filter(|c| c.revoked.is_none()).map(|c| c.issued);
        match newest.max() {
            Some(newest) if now.since(UnixMicros(newest)) < pause => Err(EnrolRefusal::TooOften),
            _ => Ok(()),
        }
    }

    fn give(
        &self,
        registry: &mut Registry,
        node: NodeId,
        key: &PublicKey,
        now: UnixMicros,
    ) -> io::Result<Enrolment> {
        let broker = self.broker.get().ok_or_else(|| io::Error::other("no broker yet"))?;
        let chance = random().map_err(|e| io::Error::other(e.to_string()))?;
        let serial = Serial::new(now, chance);
        // A certificate counts in seconds.
        let life = i64::try_from(self.certificate_life.as_micros()).unwrap_or(i64::MAX);
        let whole = |t: UnixMicros| UnixMicros(t.0.div_euclid(1_000_000) * 1_000_000);
        let (issued, expires) = (whole(now), whole(now.plus(life)));
        let certificate = self.authority.certify(&node, key, &serial, expires)?;
        let entry = registry.node(&node).ok_or_else(|| io::Error::other("too many nodes"))?;
        entry.give(serial, &digest(key.der_bytes()), now.0, expires.0);
        Ok(Enrolment {
            certificate,
            authority: self.authority.certificate().to_vec(),
            broker: broker.clone(),
            issued,
            expires,
            command_key: command_key(&self.data),
        })
    }

    /// Makes a code for a node, in the place of one that was not used.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn make_code(
        &self,
        node: &NodeId,
        life: Duration,
        now: UnixMicros,
    ) -> io::Result<(EnrolCode, UnixMicros)> {
        let chance = |e: crate::failure::Failure| io::Error::other(e.to_string());
        let (secret, salt) = (random().map_err(chance)?, random().map_err(chance)?);
        let expires = now.plus(i64::try_from(life.as_micros()).unwrap_or(i64::MAX));
        let _lock = self.folder.lock()?;
        let mut registry = Registry::load(&self.folder)?;
        let entry = registry.node(node).ok_or_else(|| {
            io::Error::other(format!("there are {} nodes already", registry::MAX_NODES))
        })?;
        entry.code = Some(Code::new(&secret, &salt, expires));
        registry.save(&self.folder)?;
        let line = Line {
            what: "code",
            node: node.as_str(),
            by: audit::person(),
            until: Some(rfc3339(expires)),
            ..Line::default()
        };
        audit::note(&self.folder, now, &line);
        Ok((EnrolCode { secret, pin: self.authority.pin() }, expires))
    }

    /// Takes back everything that a node was given; returns how many certificates were in force,
    /// or `None` when nobody knows the node.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn revoke(&self, node: &NodeId, now: UnixMicros) -> io::Result<Option<usize>> {
        let _lock = self.folder.lock()?;
        let mut registry = Registry::load(&self.folder)?;
        let Some(entry) = registry.known(node) else { return Ok(None) };
        let live = |c: &&registry::Certificate| c.revoked.is_none() && c.expires > now.0;
        let in_force = entry.certificates.iter().filter(live).count();
        entry.revoke(now);
        registry.save(&self.folder)?;
        self.authority.list(&self.folder, &registry, now)?;
        let line =
            Line { what: "revoke", node: node.as_str(), by: audit::person(), ..Line::default() };
        audit::note(&self.folder, now, &line);
        Ok(Some(in_force))
    }

    /// Everybody in the registry.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn registry(&self) -> io::Result<Registry> {
        Registry::load(&self.folder)
    }
}

fn stamp(folder: &Folder) -> Option<(SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let data = std::fs::metadata(folder.file(registry::FILE)).ok()?;
    Some((data.modified().ok()?, data.ino()))
}

/// The public key of a request that is signed with it, if it is one of the kinds that are known to
/// be quick to check and safe.
fn read_request(bytes: &[u8]) -> Option<PublicKey> {
    let request = CertificateSigningRequestDer::from(bytes);
    let key = CertificateSigningRequestParams::from_der(&request).ok()?.public_key;
    [&PKCS_ED25519, &PKCS_ECDSA_P256_SHA256].contains(&key.algorithm()).then_some(key)
}

/// The public key of those who may command nodes, if this centre has one by now; a node that comes
/// earlier is given it when it renews.
fn command_key(data: &Path) -> Option<[u8; 32]> {
    let pem = std::fs::read_to_string(data.join("command.key")).ok()?;
    let key = KeyPair::from_pem(&pem).ok().filter(|k| *k.algorithm() == PKCS_ED25519)?;
    key.public_key_raw().try_into().ok()
}
