//! Several replicas behind a broker that spreads messages: whatever is lost, doubled, late or
//! killed, what a node lets go of is on somebody's disk.

use proptest::prelude::*;
use tram_wire::{Ack, Command};

use super::*;
use crate::{Dictionary, Heard, MAX_PROGRESS_RANGES, Progress, Role};

const REPLICAS: usize = 3;
const LAST: u64 = 60;
/// Batches under way at once.
const WINDOW: usize = 12;

/// A replica: what is in memory, what waits for the disk, and what is on it.
struct Replica {
    id: ReplicaId,
    pipeline: Pipeline,
    /// Topic level and payload, as the broker delivers them.
    inbox: VecDeque<(&'static str, Vec<u8>)>,
    waiting: Vec<Record>,
    stored: BTreeSet<u64>,
    progress: Progress,
    dictionary: Dictionary,
}

fn pipeline_of(id: ReplicaId, role: Role, progress: Progress, dictionary: Dictionary) -> Pipeline {
    let spools = vec![SpoolMemory { node: node(), spool: SPOOL, progress, dictionary }];
    let memory = Memory { replica: id, spools, ..Memory::default() };
    let policy = Policy { nodes: [node()].into(), role, ..Policy::default() };
    Pipeline::new(policy, memory)
}

impl Replica {
    fn new(id: u64, role: Role) -> Self {
        let id = ReplicaId(id);
        let mut dictionary = Dictionary::default();
        for c in birth(0, 1, None).channels {
            dictionary.add(node(), c.number, c.name, c.quantity).unwrap();
        }
        let progress = Progress::default();
        let pipeline = pipeline_of(id, role, progress.clone(), dictionary.clone());
        let (inbox, waiting, stored) = (VecDeque::new(), Vec::new(), BTreeSet::new());
        Self { id, pipeline, inbox, waiting, stored, progress, dictionary }
    }

    /// Takes a message out of its inbox.
    fn receive(&mut self) {
        let Some((level, payload)) = self.inbox.pop_front() else { return };
        let outcome = send(&mut self.pipeline, level, &payload);
        assert!(!matches!(outcome, Outcome::Quarantine(_)), "{outcome:?}");
        self.waiting.extend(outcome.into_record().ok());
    }

    /// Writes as the store does, and says what it acknowledges.
    fn commit(&mut self) -> Vec<Ack> {
        for record in std::mem::take(&mut self.waiting) {
            match &record {
                Record::Accepted(a) => {
                    let Identity::Spool { seq, .. } = a.identity else { unreachable!() };
                    assert!(self.stored.insert(seq.0), "{seq} is stored twice by {}", self.id);
                    self.progress.insert(seq);
                }
                Record::Birth(b) => self.progress.raise(b.birth.held_from),
                Record::Settled(s) => self.progress.merge(&s.progress),
                Record::Refusal(_) => unreachable!(),
            }
            self.pipeline.committed(&[record.receipt()]);
        }
        let acks = self.pipeline.acks().into_iter();
        acks.flat_map(|(_, ack)| ack.messages().collect::<Vec<_>>()).collect()
    }

    /// Notes what it has heard.
    fn note(&mut self) {
        self.waiting.extend(self.pipeline.heard(NOW));
    }

    /// kill -9: memory is gone, and so is what the broker had for its session.
    fn restart(&mut self, role: Role) {
        self.inbox.clear();
        self.waiting.clear();
        let (progress, dictionary) = (self.progress.clone(), self.dictionary.clone());
        self.pipeline = pipeline_of(self.id, role, progress, dictionary);
    }
}

/// The node: what it holds, and what it has let go since it last wrote that down.
#[derive(Default)]
struct Outbox {
    next: u64,
    held: BTreeSet<u64>,
    noted: u64,
    inbox: Vec<Ack>,
}

impl Outbox {
    fn held_from(&self) -> u64 {
        self.held.first().copied().unwrap_or(self.next)
    }

    fn birth(&self) -> Vec<u8> {
        birth(self.held_from(), 1, None).encode().unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The n-th of what is held goes to a replica, or is lost with `None`.
    Send(usize, Option<usize>),
    Receive(usize),
    /// Commits; which of the node and the other replicas hear of it.
    Commit(usize, [bool; REPLICAS]),
    /// An acknowledgement reaches the node: which, and whether it comes again.
    Acknowledge(usize, bool),
    Note(usize),
    Restart(usize),
    /// The node is killed: what it let go since it noted so is held again.
    NodeRestart,
    NodeNotes,
    /// A birth, and who hears it.
    Birth([bool; REPLICAS]),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..REPLICAS;
    let lucky = || prop::array::uniform3(prop::bool::weighted(0.7));
    let step = prop_oneof![
        16 => (0..WINDOW, prop::option::weighted(0.9, who())).prop_map(|(n, to)| Step::Send(n, to)),
        16 => who().prop_map(Step::Receive),
        8 => (who(), lucky()).prop_map(|(i, heard)| Step::Commit(i, heard)),
        8 => (0_usize..8, prop::bool::weighted(0.2)).prop_map(|(n, twice)| Step::Acknowledge(n, twice)),
        2 => who().prop_map(Step::Note),
        1 => who().prop_map(Step::Restart),
        1 => Just(Step::NodeRestart),
        1 => Just(Step::NodeNotes),
        1 => lucky().prop_map(Step::Birth),
    ];
    prop::collection::vec(step, 1..400)
}

/// The whole of it.
struct World {
    node: Outbox,
    replicas: Vec<Replica>,
}

impl World {
    fn new() -> Self {
        let replicas = (0..REPLICAS as u64).map(|n| Replica::new(n + 1, Role::Replica)).collect();
        Self { node: Outbox::default(), replicas }
    }

    fn on_a_disk(&self, seq: u64) -> bool {
        self.replicas.iter().any(|r| r.stored.contains(&seq))
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(n, to) => self.send(n, to),
            Step::Receive(i) => self.replicas[i].receive(),
            Step::Commit(i, heard) => self.commit(i, heard),
            Step::Acknowledge(n, twice) => self.acknowledge(n, twice),
            Step::Note(i) => self.replicas[i].note(),
            Step::Restart(i) => self.replicas[i].restart(Role::Replica),
            Step::NodeRestart => {
                let (from, next) = (self.node.noted, self.node.next);
                self.node.held.extend(from..next);
                self.node.inbox.clear();
                self.step(&Step::Birth([true; REPLICAS]));
            }
            Step::NodeNotes => self.node.noted = self.node.held_from(),
            Step::Birth(heard) => {
                for (replica, _) in self.replicas.iter_mut().zip(heard).filter(|(_, heard)| *heard)
                {
                    replica.inbox.push_back(("birth", self.node.birth()));
                }
            }
        }
    }

    fn send(&mut self, n: usize, to: Option<usize>) {
        if self.node.next < LAST && self.node.held.len() < WINDOW {
            self.node.held.insert(self.node.next);
            self.node.next += 1;
        }
        let seq = self.node.held.iter().nth(n).copied();
        let Some((seq, to)) = seq.zip(to) else { return };
        self.replicas[to].inbox.push_back(("data", batch(seq, 1).encode().unwrap()));
    }

    fn commit(&mut self, i: usize, heard: [bool; REPLICAS]) {
        for ack in self.replicas[i].commit() {
            for seq in (0..LAST).filter(|seq| ack.covers(Seq(*seq))) {
                assert!(self.on_a_disk(seq), "{seq} is acknowledged: {ack:?}");
            }
            assert_eq!(ack.replica, self.replicas[i].id);
            let own = |s: u64| self.replicas[i].stored.contains(&s);
            assert!(ack.committed.iter().all(|(a, b)| (a.0..=b.0).all(own)), "{ack:?}");
            for other in (0..REPLICAS).filter(|other| heard[*other] && *other != i) {
                self.replicas[other].inbox.push_back(("ack", ack.encode().unwrap()));
            }
            if heard[i] {
                self.node.inbox.push(ack);
            }
        }
    }

    fn acknowledge(&mut self, n: usize, twice: bool) {
        if n >= self.node.inbox.len() {
            return;
        }
        let ack = match twice {
            true => self.node.inbox[n].clone(),
            false => self.node.inbox.remove(n),
        };
        let gone = |seq: &u64| ack.covers(Seq(*seq));
        for seq in self.node.held.iter().filter(|seq| gone(seq)) {
            assert!(self.on_a_disk(*seq), "{seq} is let go");
        }
        self.node.held.retain(|seq| !gone(seq));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_a_node_lets_go_is_on_somebodys_disk(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        // From here on nothing is lost any more, and the node sends until it holds nothing.
        for to in (0..REPLICAS).cycle().take(240) {
            (0..WINDOW).for_each(|n| world.step(&Step::Send(n, Some(to))));
            while !world.replicas[to].inbox.is_empty() {
                world.step(&Step::Receive(to));
            }
            world.step(&Step::Commit(to, [true; REPLICAS]));
            while !world.node.inbox.is_empty() {
                world.step(&Step::Acknowledge(0, false));
            }
        }
        prop_assert!(world.node.held.is_empty(), "{:?} is never let go", world.node.held);
        prop_assert_eq!(world.node.next, LAST);
        prop_assert!((0..LAST).all(|seq| world.on_a_disk(seq)));
    }
}

/// Feeds batch 0 to nobody and the others to two replicas in turn; says how many ranges the worse
/// of them came to hold, and how many batches were refused.
fn scattered(hear: bool, batches: u64) -> (usize, u64) {
    let mut replicas = [Replica::new(1, Role::Replica), Replica::new(2, Role::Replica)];
    let mut most = 0;
    for seq in 1..batches {
        let [one, other] = &mut replicas;
        let (one, other) = if seq % 2 == 0 { (one, other) } else { (other, one) };
        one.inbox.push_back(("data", batch(seq, 1).encode().unwrap()));
        one.receive();
        for ack in one.commit().iter().filter(|_| hear) {
            other.inbox.push_back(("ack", ack.encode().unwrap()));
            other.receive();
        }
        most = most.max(one.progress.ranges().len());
        one.note();
    }
    let gaps = |r: &Replica| r.pipeline.counters().deferred(DeferReason::TooManyGaps);
    (most, replicas.iter().map(gaps).sum())
}

#[test]
fn one_batch_that_went_to_a_dead_replica_does_not_scatter_the_others() {
    let (alone, refused) = scattered(false, 4_000);
    println!("without hearing each other: {alone} ranges, {refused} of 4000 batches refused");
    assert!(alone >= MAX_PROGRESS_RANGES && refused > 1_000);
    let (hearing, refused) = scattered(true, 4_000);
    println!("hearing each other: {hearing} ranges, {refused} refused");
    assert!(hearing <= 2 && refused == 0, "{hearing} ranges");
}

#[test]
fn our_own_words_and_those_of_a_stranger_change_nothing() {
    let mut replica = Replica::new(1, Role::Replica);
    let ack = |replica, spool| {
        let (replica, watermark) = (ReplicaId(replica), Seq(5));
        Ack { spool, replica, watermark, ranges: vec![], committed: vec![] }.encode().unwrap()
    };
    let p = &mut replica.pipeline;
    assert_eq!(send(p, "ack", &ack(1, SPOOL)), Outcome::Ignore);
    assert_eq!(send(p, "ack", &ack(2, SpoolId(9))), Outcome::Ignore);
    assert!(matches!(send(p, "data", &batch(3, 1).encode().unwrap()), Outcome::Commit(_)));
    let heard = Heard { node: node(), spool: SPOOL, replica: ReplicaId(2) };
    assert_eq!(send(p, "ack", &ack(2, SPOOL)), Outcome::Heard(heard));
    let again = send(p, "data", &batch(4, 1).encode().unwrap());
    assert!(matches!(again, Outcome::Duplicate(Duplicate { durable: true, .. })));
    assert_eq!(reason(&send(p, "ack", b"nonsense")), Some(Reason::MalformedCbor));
    // A centre that is alone does not expect anybody else to acknowledge.
    let alone = &mut pipeline();
    born(alone);
    assert_eq!(reason(&send(alone, "ack", &ack(2, SPOOL))), Some(Reason::WrongTopic));
    // But a watcher beside it may ask for a birth.
    assert_eq!(send(alone, "cmd", &Command::Rebirth.encode()), Outcome::Ignore);
    assert_eq!(reason(&send(alone, "cmd", b"nonsense")), Some(Reason::WrongTopic));
}

#[test]
fn a_watcher_sees_everything_and_acknowledges_nothing() {
    let mut watcher = Replica::new(9, Role::Watcher);
    // It was away for every second batch, more often than there is room for gaps.
    let batches = 2 * MAX_PROGRESS_RANGES as u64 + 200;
    for seq in (0..batches).filter(|seq| seq % 2 == 0) {
        watcher.inbox.push_back(("data", batch(seq, 1).encode().unwrap()));
        watcher.receive();
        assert_eq!(watcher.commit(), []);
        watcher.note();
    }
    assert_eq!(watcher.stored.len() as u64, batches / 2);
    // What is noted last is written with the next commit.
    watcher.commit();
    assert!(watcher.progress.ranges().len() <= MAX_PROGRESS_RANGES);
    let deferred = DeferReason::ALL.map(|r| watcher.pipeline.counters().deferred(r));
    assert!(deferred.iter().all(|n| *n == 0), "{deferred:?}");
    watcher.restart(Role::Watcher);
    assert!(watcher.pipeline.acks().is_empty());
}
