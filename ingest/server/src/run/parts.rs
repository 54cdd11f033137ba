//! The parts of the centre, from the store outwards.

use std::{net::SocketAddr, path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle as Task,
};
use tram_journal::Journal;
use tram_store::{Keeper, Log, Sealer, StoreError};

use super::core::Core;
use crate::{
    broker::{self, Credentials, Door, Running, node_add},
    clock,
    commit::{self, Commit},
    config::{Broker, Configuration, Embedded, Enrol},
    enrol::{self, Office},
    failure::Failure,
    folder,
    http::{self, App, Guard},
    link::{self, Delivered, Link, MAX_WAITING_MESSAGES, Subscriptions, Tasks},
    listen,
    orders::{CommandKey, Orders},
    rules, seal,
    wake::Wake,
};

/// How long to wait for the embedded broker at the start.
const MEET_OWN: Duration = Duration::from_secs(10);
/// How long to wait for an external broker before going on without it.
const MEET_EXTERNAL: Duration = Duration::from_secs(1);

/// The running centre.
pub(super) struct Parts {
    /// Where the web server listens.
    pub(super) http_address: SocketAddr,
    /// The embedded broker.
    pub(super) broker: Option<Running>,
    /// Where nodes are enrolled, and the task that does it.
    pub(super) enrolment: Option<(SocketAddr, Task<()>)>,
    /// Who was given what.
    pub(super) office: Option<Arc<Office>>,
    /// How many nodes have a password.
    pub(super) nodes_with_password: usize,
    /// The link to the broker.
    pub(super) link: Arc<Link>,
    /// What nodes are told to do.
    pub(super) orders: Arc<Orders>,
    /// What is behind the log.
    pub(super) core: Core,
    /// Told when the commit thread ends.
    pub(super) commit_ended: oneshot::Receiver<Option<StoreError>>,
    /// The web server.
    pub(super) web: Task<std::io::Result<()>>,
    stop_web: oneshot::Sender<()>,
    door: Option<Arc<Door>>,
    tasks: Tasks,
    threads: Vec<JoinHandle<()>>,
    stop_sealing: Arc<Wake>,
}

impl Parts {
    /// Starts everything.
    ///
    /// # Errors
    /// [`Failure`] with a sentence and what to do.
    pub(super) async fn start(config: &Configuration, journal: Journal) -> Result<Self, Failure> {
        let rules = match config.alerts {
            Some(_) => rules::load(&config.rules)?,
            None => Vec::new(),
        };
        let (web, http_address) = bind_web(config.http.listen).await?;
        folder::prepare(&config.data)?;
        let office = config.enrol.as_ref().map(|e| open_office(&config.data, e)).transpose()?;
        let (door, nodes_with_password) = match &config.broker {
            Broker::Embedded(embedded) => {
                let (door, nodes) = door(embedded, office.as_ref())?;
                (Some(door), nodes)
            }
            Broker::External(_) => (None, 0),
        };
        let (core, kept) = Core::open(config, rules)?;
        let link = Link::new();
        let (deliver, messages) = mpsc::channel(MAX_WAITING_MESSAGES);
        let orders = orders(config, &core, &link);
        let taken = Taken { log: kept.log, memory: kept.memory, messages };
        let (commit_ended, commit) = start_commit(config, &core, &link, &orders, taken)?;
        let (stop_sealing, sealing) = start_sealing(&core, kept.sealer, kept.keeper)?;
        let (broker, tasks) =
            connect(config, door.as_ref(), office.as_ref(), &core, &link, deliver).await?;
        let enrolment = start_enrolment(config, office.as_ref(), broker.as_ref()).await?;
        let around = Around {
            broker: broker_clients(config, broker.as_ref(), door.as_ref()),
            office: office.clone(),
            address: http_address,
            journal,
        };
        let app = app(config, &core, &link, &orders, around);
        let (stop_web, stopped) = oneshot::channel();
        let stopped = async {
            // A sender that is gone means the same.
            let _ = stopped.await;
        };
        Ok(Self {
            http_address,
            broker,
            enrolment,
            office,
            nodes_with_password,
            link,
            orders,
            core,
            commit_ended,
            web: tokio::spawn(http::serve(web, Arc::new(app), stopped)),
            stop_web,
            door,
            tasks,
            threads: vec![commit, sealing],
            stop_sealing,
        })
    }

    /// Waits until the embedded broker and the centre have met, then lets the nodes in. An
    /// external broker may come later.
    ///
    /// # Errors
    /// [`Failure`] when they do not meet.
    pub(super) async fn meet(&self) -> Result<(), Failure> {
        let patience = if self.door.is_some() { MEET_OWN } else { MEET_EXTERNAL };
        let met = tokio::time::timeout(patience, self.link.met()).await;
        let Some(door) = &self.door else { return Ok(()) };
        if met.is_err() {
            let reason = self.link.state().err().unwrap_or_default();
            let what = format!("the centre does not reach its own broker: {reason}");
            return Err(Failure::new(what, "Check `listen` in the section [broker]"));
        }
        door.open();
        Ok(())
    }

    /// Stops everything in order; what does not stop within `patience` is left to end with the
    /// program. Everything acknowledged is on disk at any moment, so nothing is lost by that.
    pub(super) async fn stop(self, patience: Duration) {
        // Nothing more comes in; what has come in is written.
        if let Some((_, enrolment)) = &self.enrolment {
            enrolment.abort();
        }
        self.tasks.stop();
        // What ended by itself has been heard already, and is not asked again.
        if !self.commit_ended.is_terminated() {
            let _ = tokio::time::timeout(patience / 2, self.commit_ended).await;
        }
        self.core.stop();
        self.stop_sealing.stop();
        let _ = self.stop_web.send(());
        let threads = tokio::task::spawn_blocking(move || {
            self.orders.write_notes();
            for thread in self.threads.into_iter().chain(self.core.threads) {
                // A thread that panicked has said so.
                let _ = thread.join();
            }
        });
        let rest = async {
            let broker = async {
                if let Some(broker) = self.broker {
                    broker.stop(patience / 2).await;
                }
            };
            let web = async {
                if !self.web.is_finished() {
                    let _ = self.web.await;
                }
            };
            let _ = tokio::join!(threads, web, broker);
        };
        let _ = tokio::time::timeout(patience / 2, rest).await;
    }
}

/// The door of the embedded broker, and how many nodes have a key to it.
fn door(embedded: &Embedded, office: Option<&Arc<Office>>) -> Result<(Arc<Door>, usize), Failure> {
    let credentials = match &embedded.credentials {
        Some(path) => Some(Arc::new(Credentials::open(path, node_add::random()?)?)),
        None => None,
    };
    let nodes = credentials.as_ref().map_or(0, |c| c.len());
    let own_password = node_add::hexadecimal(&node_add::random::<32>()?);
    let anonymous = embedded.anonymous_loopback;
    Ok((Arc::new(Door::new(credentials, anonymous, own_password, office.cloned())), nodes))
}

fn open_office(data: &Path, enrol: &Enrol) -> Result<Arc<Office>, Failure> {
    let office = Office::open(data, enrol.names.clone(), enrol.certificate, clock::now());
    office.map(Arc::new).map_err(|e| enrol::command::unwritten(data, &e))
}

/// Starts to enrol nodes, if the configuration says so.
async fn start_enrolment(
    config: &Configuration,
    office: Option<&Arc<Office>>,
    broker: Option<&Running>,
) -> Result<Option<(SocketAddr, Task<()>)>, Failure> {
    let (Some(enrol), Some(office)) = (&config.enrol, office) else { return Ok(None) };
    let own = || {
        let port = broker?.tls_address?.port();
        let host = enrol.names.first()?;
        // An IPv6 address stands in brackets.
        let v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        Some(if v6 { format!("mqtts://[{host}]:{port}") } else { format!("mqtts://{host}:{port}") })
    };
    if let Some(url) = enrol.broker.clone().or_else(own) {
        office.send_to(url);
    }
    let listener = enrol::Listener::bind(enrol.listen, Arc::clone(office)).await?;
    let address = listener.address().map_err(|e| {
        crate::listen::failure("enrolment", enrol.listen, &e, "in the section [enrol]")
    })?;
    Ok(Some((address, tokio::spawn(listener.run()))))
}

async fn bind_web(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failure =
        |e: std::io::Error| listen::failure("the page", listen, &e, "in the section [http]");
    let web = TcpListener::bind(listen).await.map_err(failure)?;
    let address = web.local_addr().map_err(failure)?;
    Ok((web, address))
}

type CommitStarted = (oneshot::Receiver<Option<StoreError>>, JoinHandle<()>);

/// What the commit thread takes for itself.
struct Taken {
    log: Log,
    memory: tram_pipeline::Memory,
    messages: mpsc::Receiver<Delivered>,
}

/// Orders under the key of the data folder. Without one the centre does everything else.
fn orders(config: &Configuration, core: &Core, link: &Arc<Link>) -> Arc<Orders> {
    let key = match CommandKey::open(&config.data) {
        Ok(key) => Some(key),
        Err(failure) => {
            tracing::error!("{failure}");
            None
        }
    };
    let nodes = config.stations.iter().map(|s| s.id).collect();
    Orders::new(nodes, key, Arc::clone(link), core.alarms.clone())
}

fn start_commit(
    config: &Configuration,
    core: &Core,
    link: &Arc<Link>,
    orders: &Arc<Orders>,
    Taken { log, memory, messages }: Taken,
) -> Result<CommitStarted, Failure> {
    let commit = Commit {
        pipeline: super::core::pipeline(config, memory),
        log,
        messages,
        link: Arc::clone(link),
        board: Arc::clone(&core.board),
        orders: Arc::clone(orders),
        ledger: Arc::clone(&core.ledger),
        grown: Arc::clone(&core.grown),
        data: config.data.clone(),
        alerts: core.consumer(),
        sinks: Arc::clone(&core.sinks),
        groups: 0,
    };
    let (ended, commit_ended) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let thread = commit::start(commit, runtime, ended).map_err(|e| no_thread(&e))?;
    Ok((commit_ended, thread))
}

fn start_sealing(
    core: &Core,
    sealer: Sealer,
    keeper: Keeper,
) -> Result<(Arc<Wake>, JoinHandle<()>), Failure> {
    let stop = Arc::new(Wake::default());
    let thread = seal::start(
        sealer,
        keeper,
        core.store.clone(),
        Arc::clone(&core.ledger),
        Arc::clone(&stop),
    );
    Ok((stop, thread.map_err(|e| no_thread(&e))?))
}

/// Starts the embedded broker if there is one, and the link to whichever there is.
async fn connect(
    config: &Configuration,
    door: Option<&Arc<Door>>,
    office: Option<&Arc<Office>>,
    core: &Core,
    link: &Arc<Link>,
    deliver: mpsc::Sender<Delivered>,
) -> Result<(Option<Running>, Tasks), Failure> {
    match (&config.broker, door) {
        (Broker::Embedded(embedded), Some(door)) => {
            let running = broker::start(embedded, Arc::clone(door), office).await?;
            let own = running.own_client(door);
            core.speak(config.alerts.as_ref(), &own)?;
            let name = own.client_id(core.replica.id);
            let tasks = link::start(link, &own, &name, Subscriptions::everything(), deliver)?;
            Ok((Some(running), tasks))
        }
        (Broker::External(external), _) => {
            let stations = config.stations.iter().map(|s| s.id);
            let subscriptions =
                Subscriptions::outside(&external.hearing, external.acknowledge, stations);
            core.speak(config.alerts.as_ref(), external)?;
            let name = external.client_id(core.replica.id);
            Ok((None, link::start(link, external, &name, subscriptions, deliver)?))
        }
        // `start` makes a door for every embedded broker.
        (Broker::Embedded(_), None) => Err(Failure::new("the broker has no door", "")),
    }
}

/// What the web server shows besides the core.
struct Around {
    broker: Option<http::Clients>,
    office: Option<Arc<Office>>,
    /// Where the web server listens.
    address: SocketAddr,
    journal: Journal,
}

fn app(
    config: &Configuration,
    core: &Core,
    link: &Arc<Link>,
    orders: &Arc<Orders>,
    Around { broker, office, address, journal }: Around,
) -> App {
    App {
        board: Arc::clone(&core.board),
        hub: Arc::clone(&core.hub),
        store: core.store.clone(),
        ledger: Arc::clone(&core.ledger),
        link: Arc::clone(link),
        broker,
        office,
        alarms: core.alarms.clone(),
        rules: Arc::clone(&core.folder),
        links: core.links.clone(),
        foreign: Arc::clone(&core.foreign),
        orders: Arc::clone(orders),
        sinks: Arc::clone(&core.sinks),
        replica: core.replica.clone(),
        history: config.history.clone(),
        guard: Guard::new(config.http.token.clone(), hosts(config, address)),
        answers: App::places(),
        connections: App::connections(),
        data: config.data.clone(),
        beginning: core.beginning.clone(),
        journal,
    }
}

/// The clients of the embedded broker, for the metrics.
fn broker_clients(
    config: &Configuration,
    running: Option<&Running>,
    door: Option<&Arc<Door>>,
) -> Option<http::Clients> {
    let Broker::Embedded(embedded) = &config.broker else { return None };
    let (running, door) = (running?, Arc::clone(door?));
    let max_clients = broker::max_clients(embedded);
    Some(http::Clients { door, stats: Arc::clone(&running.stats), max_clients })
}

/// The names the centre is reached under, when it can be said: on loopback only.
fn hosts(config: &Configuration, address: SocketAddr) -> Option<Vec<String>> {
    if !address.ip().is_loopback() {
        return None;
    }
    let mut hosts = vec![address.to_string(), format!("localhost:{}", address.port())];
    // Behind a proxy on this machine, the name is the public one.
    let public = config.alerts.as_ref().and_then(|a| a.public_url.split_once("://"));
    hosts.extend(public.map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned()));
    Some(hosts)
}

/// The system gives no thread.
pub(super) fn no_thread(error: &std::io::Error) -> Failure {
    Failure::new(format!("the system gives no thread: {error}"), "Raise its limits (ulimit -u)")
}
