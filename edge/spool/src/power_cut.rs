//! A disk that loses power after any number of bytes, and what must hold afterwards.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io,
    rc::Rc,
};

use tram_wire::{
    Ack, Batch, BatchHeader, ChannelName, ChannelNumber, ClockState, Column, Loss, LossCause,
    Point, Quality, Quantity, ReplicaId, Seq,
};

use crate::{Disk, DiskFile, Lost, Options, Priority, Span, Spool, SpoolError};

const OPTIONS: Options = Options { max_bytes: 16 << 10, segment_bytes: 4 << 10 };

#[derive(Default, Clone)]
struct Content {
    durable: Vec<u8>,
    now: Vec<u8>,
}

#[derive(Default)]
struct Platter {
    files: BTreeMap<String, Rc<RefCell<Content>>>,
    durable_names: BTreeMap<String, Rc<RefCell<Content>>>,
    /// Bytes and operations until the power goes; `None` is mains.
    budget: Option<u64>,
    /// Every sync fails while this is set.
    sync_fails: bool,
    full: bool,
}

/// What of the unsynced part is there when the power comes back.
#[derive(Debug, Clone, Copy)]
enum Survives {
    Everything,
    Nothing,
    /// The size but not the content.
    Zeros,
}

#[derive(Clone, Default)]
struct SimDisk(Rc<RefCell<Platter>>);

struct SimFile(Rc<RefCell<Content>>, Rc<RefCell<Platter>>);

fn dead() -> io::Error {
    io::Error::other("no power")
}

impl Platter {
    /// Takes up to `cost` from the budget and says how much of it there was.
    fn spend(&mut self, cost: u64) -> u64 {
        let Some(left) = self.budget.as_mut() else { return cost };
        let spent = cost.min(*left);
        *left -= spent;
        spent
    }

    fn operate(&mut self) -> io::Result<()> {
        if self.spend(1) == 1 { Ok(()) } else { Err(dead()) }
    }
}

impl SimDisk {
    fn power_cut(&self, survives: Survives) {
        let mut p = self.0.borrow_mut();
        p.budget = None;
        if !matches!(survives, Survives::Everything) {
            p.files = p.durable_names.clone();
        }
        for file in p.files.values() {
            let mut c = file.borrow_mut();
            match survives {
                Survives::Everything => {}
                Survives::Nothing => c.now = c.durable.clone(),
                Survives::Zeros => {
                    let (len, durable) = (c.now.len().max(c.durable.len()), c.durable.clone());
                    c.now = durable;
                    c.now.resize(len, 0);
                }
            }
            c.durable = c.now.clone();
        }
        p.durable_names = p.files.clone();
    }

    fn budget_left(&self) -> Option<u64> {
        self.0.borrow().budget
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let mut p = self.0.borrow_mut();
        p.operate()?;
        let file = p.files.entry(name.to_owned()).or_default().clone();
        Ok(SimFile(file, Rc::clone(&self.0)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut p = self.0.borrow_mut();
        p.operate()?;
        let file = p.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        p.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut p = self.0.borrow_mut();
        p.operate()?;
        p.files.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut p = self.0.borrow_mut();
        p.operate()?;
        p.durable_names = p.files.clone();
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.borrow().now.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let c = self.0.borrow();
        let from = c.now.get(offset as usize..).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(from.get(..buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut p = self.1.borrow_mut();
        let written = if p.full { bytes.len() / 2 } else { p.spend(bytes.len() as u64) as usize };
        let mut c = self.0.borrow_mut();
        let (at, end) = (offset as usize, offset as usize + written);
        if c.now.len() < end {
            c.now.resize(end, 0);
        }
        c.now[at..end].copy_from_slice(&bytes[..written]);
        match (written == bytes.len(), p.full) {
            (true, _) => Ok(()),
            (false, true) => Err(io::ErrorKind::StorageFull.into()),
            (false, false) => Err(dead()),
        }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.1.borrow_mut().operate()?;
        self.0.borrow_mut().now.resize(len as usize, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut p = self.1.borrow_mut();
        p.operate()?;
        if p.sync_fails {
            return Err(io::Error::other("sync failed"));
        }
        let mut c = self.0.borrow_mut();
        c.durable = c.now.clone();
        Ok(())
    }
}

fn span(n: i64, readings: u32) -> Span {
    Span { clock: ClockState::Ntp, from: n, to: n, readings }
}

fn payload(seq: Seq, len: usize) -> Vec<u8> {
    let mut p = seq.0.to_le_bytes().to_vec();
    p.resize(len.max(8), seq.0 as u8);
    p
}

fn held(spool: &mut Spool<SimDisk>) -> BTreeMap<Seq, Vec<u8>> {
    let mut all = BTreeMap::new();
    for priority in [Priority::Alarm, Priority::Routine] {
        let mut after = None;
        while let Some(seq) = spool.next(priority, after) {
            after = Some(seq);
            if let Some(bytes) = spool.read(seq).unwrap() {
                all.insert(seq, bytes);
            }
        }
    }
    all
}

/// What the test knows to be true of a spool, whatever happens to the power.
#[derive(Default)]
struct Truth {
    committed: BTreeMap<Seq, Vec<u8>>,
    acknowledged: BTreeSet<Seq>,
    appended: BTreeMap<Seq, Vec<u8>>,
    channel: Option<u16>,
}

/// Channels, groups of batches, alarms, acknowledgements in and out of order: everything a node
/// does in a day, in little.
fn day(disk: SimDisk, truth: &mut Truth) -> Result<(), SpoolError> {
    let (mut spool, _) = Spool::open_on(disk, OPTIONS)?;
    let name = ChannelName::new("rain").unwrap();
    truth.channel = Some(spool.channel_number(&name, Quantity::Rain)?.0);
    for round in 0..24_u64 {
        let alarm = round % 5 == 3;
        for n in 0..3 {
            let seq = spool.next_seq();
            let priority = if alarm && n == 2 { Priority::Alarm } else { Priority::Routine };
            let bytes = payload(seq, 150 + 97 * n);
            truth.appended.insert(seq, bytes.clone());
            assert_eq!(spool.append(priority, span(seq.0 as i64, 1), 0, &bytes)?, seq);
        }
        spool.commit()?;
        truth.committed.extend(truth.appended.clone());
        if round % 3 == 2 {
            let held = spool.held_from();
            let watermark = Seq(held.0 + 5);
            let far = Seq(watermark.0 + 2);
            let (replica, ranges, committed) = (ReplicaId(1), vec![(far, far)], Vec::new());
            let ack = Ack { spool: spool.id(), replica, watermark, ranges, committed };
            truth.acknowledged.extend(truth.committed.keys().filter(|s| ack.covers(**s)));
            spool.acknowledge(&ack)?;
        }
    }
    spool.close()
}

#[test]
fn power_cut_at_every_byte_loses_nothing_committed_and_reuses_no_number() {
    let whole = SimDisk::default();
    whole.0.borrow_mut().budget = Some(u64::MAX);
    day(whole.clone(), &mut Truth::default()).unwrap();
    let total = u64::MAX - whole.budget_left().unwrap();
    assert!(total > 10_000, "the day is long enough to roll segments: {total}");
    for survives in [Survives::Everything, Survives::Nothing, Survives::Zeros] {
        for budget in (0..total).step_by(7).chain(total - 200..total) {
            let disk = SimDisk::default();
            disk.0.borrow_mut().budget = Some(budget);
            let mut truth = Truth::default();
            // At the very last bytes it is `Ok`: what is not noted is only sent again.
            let _ = day(disk.clone(), &mut truth);
            disk.power_cut(survives);
            check(&disk, &truth, &format!("cut at {budget}, {survives:?} survives"));
        }
    }
}

fn check(disk: &SimDisk, truth: &Truth, context: &str) {
    let (mut spool, report) = Spool::open_on(disk.clone(), OPTIONS).unwrap();
    assert_eq!(report.set_aside, 0, "{context}");
    let found = held(&mut spool);
    for (seq, bytes) in &truth.committed {
        if !truth.acknowledged.contains(seq) {
            assert_eq!(found.get(seq), Some(bytes), "{context}: {seq} was committed");
        }
        assert!(spool.next_seq() > *seq, "{context}: {seq} may have been sent");
    }
    for (seq, bytes) in &found {
        assert_eq!(truth.appended.get(seq), Some(bytes), "{context}: {seq} was appended");
        assert!(spool.next_seq() > *seq, "{context}");
    }
    if let Some(number) = truth.channel {
        let name = ChannelName::new("rain").unwrap();
        assert_eq!(spool.dictionary().get(&name).map(|c| c.number.0), Some(number), "{context}");
    }
    // It works on from here.
    let seq = spool.next_seq();
    spool.append(Priority::Routine, span(0, 1), 0, &payload(seq, 20)).unwrap();
    spool.commit().unwrap();
    drop(spool);
    let (mut spool, again) = Spool::open_on(disk.clone(), OPTIONS).unwrap();
    assert_eq!(again.torn_bytes, 0, "{context}: recovery cut off all that was torn");
    let mut more = found;
    more.insert(seq, payload(seq, 20));
    assert_eq!(held(&mut spool), more, "{context}");
}

fn batch(spool: &Spool<SimDisk>, losses: &[Lost]) -> Vec<u8> {
    let header = BatchHeader { spool: spool.id(), seq: spool.next_seq(), clock: ClockState::Ntp };
    let mut column = Column::new(ChannelNumber(0), Quantity::Rain);
    for n in 0..10 {
        let value = Some(n * n * 7919 % 1000);
        column.push(Point { micros: n * 1_000_003, value, quality: Quality::GOOD });
    }
    let loss = |l: &Lost| {
        let readings = u64::from(l.span.readings);
        let (from, to) = (l.span.from, l.span.to);
        Loss { channel: None, from, to, readings, cause: l.cause, summary: None }
    };
    let losses = losses.iter().map(loss).collect();
    Batch { header, columns: vec![column; 8], losses }.encode().unwrap()
}

/// Fills the spool until it evicts, and the records that told of evictions with it; the power
/// goes on the way. Every committed reading is in the spool, or told, or waits to be told.
#[test]
fn evicted_readings_are_told_exactly_whatever_happens_to_the_power() {
    let fill = |disk: SimDisk, committed: &mut u64| -> Result<(), SpoolError> {
        let (mut spool, _) = Spool::open_on(disk, OPTIONS)?;
        for _ in 0..130 {
            let losses = spool.losses();
            let bytes = batch(&spool, &losses);
            spool.append(Priority::Routine, span(1, 80), losses.len(), &bytes)?;
            spool.commit()?;
            *committed += 80;
        }
        Ok(())
    };
    let whole = SimDisk::default();
    whole.0.borrow_mut().budget = Some(u64::MAX);
    fill(whole.clone(), &mut 0).unwrap();
    let total = u64::MAX - whole.budget_left().unwrap();
    assert!(total > 2 * OPTIONS.max_bytes, "evictions are evicted: {total}");
    for survives in [Survives::Everything, Survives::Nothing, Survives::Zeros] {
        for budget in (20..total).step_by(41) {
            let context = format!("cut at {budget}, {survives:?} survives");
            let disk = SimDisk::default();
            disk.0.borrow_mut().budget = Some(budget);
            let mut committed = 0;
            assert!(fill(disk.clone(), &mut committed).is_err(), "{context}");
            disk.power_cut(survives);
            let (mut spool, _) = Spool::open_on(disk, OPTIONS).unwrap();
            let mut sum: u64 = spool.losses().iter().map(|l| u64::from(l.span.readings)).sum();
            for bytes in held(&mut spool).values() {
                let batch = Batch::decode(bytes).unwrap();
                sum += batch.readings() as u64;
                sum += batch.losses.iter().map(|l| l.readings).sum::<u64>();
            }
            // The record in the making may have survived, or is known to be lost.
            let making = sum.wrapping_sub(committed);
            assert!(making == 0 || making == 80, "{context}: {sum} of {committed}");
        }
    }
}

#[test]
fn a_failed_sync_gives_the_records_up_and_tells_it() {
    let disk = SimDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), OPTIONS).unwrap();
    let first = spool.append(Priority::Routine, span(1, 4), 0, b"first").unwrap();
    spool.commit().unwrap();
    let second = spool.append(Priority::Routine, span(2, 5), 0, b"second").unwrap();
    disk.0.borrow_mut().sync_fails = true;
    assert!(matches!(spool.commit(), Err(SpoolError::Io(_))));
    assert_eq!(spool.next(Priority::Routine, None), Some(first));
    assert_eq!(spool.next(Priority::Routine, Some(first)), None);
    // Nothing is accepted before the doubtful bytes are gone.
    assert!(spool.append(Priority::Routine, span(3, 6), 0, b"third").is_err());
    disk.0.borrow_mut().sync_fails = false;
    let losses = spool.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].span.readings, losses[0].cause), (11, LossCause::NotWritten));
    let fourth = spool.append(Priority::Routine, span(4, 1), 1, b"fourth").unwrap();
    assert!(fourth > second, "a number is not given twice");
    spool.commit().unwrap();
    assert!(spool.losses().is_empty());
    drop(spool);
    let (mut spool, report) = Spool::open_on(disk, OPTIONS).unwrap();
    assert_eq!((report.torn_bytes, report.corrupt_records), (0, 0));
    let found: Vec<_> = held(&mut spool).into_values().collect();
    assert_eq!(found, [b"first".to_vec(), b"fourth".to_vec()]);
    assert!(spool.losses().is_empty(), "told once");
}

#[test]
fn a_full_disk_is_named_and_what_it_refused_is_told() {
    let disk = SimDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), OPTIONS).unwrap();
    spool.append(Priority::Routine, span(1, 1), 0, b"before").unwrap();
    spool.commit().unwrap();
    disk.0.borrow_mut().full = true;
    let e = spool.append(Priority::Routine, span(2, 7), 0, b"during").unwrap_err();
    assert!(matches!(e, SpoolError::DiskFull(_)), "{e}");
    disk.0.borrow_mut().full = false;
    spool.append(Priority::Routine, span(3, 1), spool.losses().len(), b"after").unwrap();
    spool.commit().unwrap();
    assert_eq!(spool.stats().not_written_readings_total, 7);
    drop(spool);
    let (mut spool, report) = Spool::open_on(disk, OPTIONS).unwrap();
    assert_eq!((report.torn_bytes, report.held), (0, 2));
    assert_eq!(held(&mut spool).len(), 2);
}

/// A bit flips anywhere in any file of a spool at rest.
#[test]
fn a_flipped_bit_anywhere_is_noticed_and_costs_no_other_record() {
    let build = || {
        let disk = SimDisk::default();
        let (mut spool, _) = Spool::open_on(disk.clone(), OPTIONS).unwrap();
        for n in 0..12 {
            let seq = spool.next_seq();
            spool.append(Priority::Routine, span(n, 3), 0, &payload(seq, 500)).unwrap();
            spool.commit().unwrap();
        }
        disk
    };
    let files: Vec<(String, usize)> = build()
        .0
        .borrow()
        .files
        .iter()
        .map(|(name, c)| (name.clone(), c.borrow().now.len()))
        .collect();
    for (name, len) in files {
        for byte in (0..len).step_by(13) {
            let disk = build();
            let file = disk.0.borrow().files[&name].clone();
            file.borrow_mut().now[byte] ^= 4;
            let (mut spool, report) = Spool::open_on(disk, OPTIONS).unwrap();
            let found = held(&mut spool);
            let context = format!("byte {byte} of {name}: {report:?}");
            if name.starts_with("state") {
                assert_eq!((found.len(), report.corrupt_records), (12, 0), "{context}");
                continue;
            }
            assert_eq!(found.len(), 11, "{context}");
            assert!(found.iter().all(|(s, b)| *b == payload(*s, 500)), "{context}");
            assert!(report.corrupt_records == 1 || report.torn_bytes > 0, "{context}");
            assert!(spool.next_seq() >= Seq(12), "{context}");
            let lost: u32 = spool.losses().iter().map(|l| l.span.readings).sum();
            // Nothing is left of the very last header that says what it stood for.
            assert!((1..=3).contains(&lost) || report.torn_bytes > 0, "{context}");
        }
    }
}
