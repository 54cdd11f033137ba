//! Damage to any file of a store's folder: it is found, it is said what suffers by it, and
//! everything else is served.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tram_store::{
    Opened,
    check::{self, Depth, Finding, Severity},
};
use tram_wire::UnixMicros;

use crate::{
    Random,
    power_cut::{
        NOW, Truth, open, pipeline,
        script::{Message, script},
        send,
    },
    shared_memory,
};

/// A store's folder as a crash leaves it: two days are sealed, some entries of the log are in its
/// file and some in its write-ahead log.
#[derive(Debug)]
pub struct Folder {
    /// The files, by name.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    all: Truth,
    births: Vec<Message>,
    rest: Vec<Message>,
}

/// What came of some damage.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// How many readings are lost.
    pub lost: usize,
    /// How many of the files had to be put aside.
    pub aside: usize,
    /// What was said.
    pub said: Vec<String>,
}

impl Folder {
    /// Makes one.
    ///
    /// # Errors
    /// When the store refuses something.
    pub fn make(seed: u64) -> Result<Self> {
        let folder = shared_memory()?;
        let mut random = Random::new(seed);
        let mut messages = script(&mut random, 16)?;
        let rest = messages.split_off(messages.len() - 6);
        let births: Vec<_> = messages.iter().take(2).cloned().collect();
        let mut all = Truth::new();
        for (n, messages) in messages.chunks(messages.len().div_ceil(3)).enumerate() {
            let mut opened = open(folder.path())?;
            let mut pipeline = pipeline(opened.memory.clone())?;
            for message in births.iter().chain(messages) {
                send(&mut opened, &mut pipeline, message)?;
                all.extend(message.readings.clone());
            }
            match n {
                0 => {
                    opened.sealer.seal()?;
                    while opened.keeper.step(UnixMicros(NOW.0 + 86_400_000_000))?.more {}
                    opened.log.maintain()?;
                }
                1 => {}
                // The machine is off before the write-ahead log is brought into the file.
                _ => {
                    let files = read(folder.path())?;
                    return Ok(Self { files, all, births, rest });
                }
            }
        }
        anyhow::bail!("there are three parts")
    }

    /// Damages one file of a copy, opens it and asks for everything.
    ///
    /// # Errors
    /// When the damage is not found, or not said although something suffers by it, or when a
    /// reading is wrong, or when the store does not go on.
    pub fn damage(&self, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<Found> {
        let folder = shared_memory()?;
        for (name, bytes) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            fs::write(path, bytes)?;
        }
        let mut bytes = self.files.get(file).context("no such file")?.clone();
        change(&mut bytes);
        fs::write(folder.path().join(file), bytes)?;

        let shared = file.to_string_lossy().ends_with("-shm");
        let report = check::check(folder.path(), Depth::default(), &mut |_| Ok(()))?;
        ensure!(shared || !report.findings.is_empty(), "a check finds nothing");

        let mut opened = open(folder.path()).context("the store does not open")?;
        let (found, missing) = readings(&opened)?;
        for (reading, value) in &found {
            ensure!(self.all.get(reading) == Some(value), "{reading:?} of {value} is wrong");
        }
        // What is new is stored, also in the files that are damaged; a log that is found to be
        // damaged only now is saved at the next start.
        let mut all = self.all.clone();
        all.extend(self.rest.iter().flat_map(|m| m.readings.clone()));
        let mut findings = opened.store.findings();
        if let Err(error) = self.go_on(&mut opened) {
            findings.extend(opened.store.findings());
            drop(opened);
            opened = open(folder.path()).with_context(|| format!("after: {error:#}"))?;
            self.go_on(&mut opened).with_context(|| format!("after: {error:#}"))?;
        }
        findings.extend(opened.store.findings());
        let said: Vec<String> =
            findings.iter().map(|f| format!("{}: {}", f.file, f.what)).collect();
        let lost: Vec<_> = self.all.keys().filter(|r| !found.contains_key(r)).collect();
        for (key, time) in &lost {
            let named = |f: &&Finding| {
                // More than a byte of the last transaction is lost: so looks a write that never
                // ended, and that is what is said.
                let last = f.what.contains("behind the last commit");
                (f.severity == Severity::Damage || last)
                    && f.affects.station.as_ref().is_none_or(|s| *s == key.node.to_string())
            };
            let told = missing.contains(key) || findings.iter().any(|f| named(&f));
            ensure!(told, "nobody says that {key:?} at {time} is lost: {said:#?}");
        }
        let aside = read(folder.path())?;
        let aside = aside.keys().filter(|f| f.to_string_lossy().contains(".damaged-")).count();
        drop(opened);

        let opened = open(folder.path()).context("the store does not open again")?;
        let (found, _) = readings(&opened)?;
        let gone = all.keys().filter(|reading| !found.contains_key(reading)).count();
        ensure!(gone <= lost.len(), "{gone} are lost after a restart, {} were before", lost.len());
        for (reading, value) in &found {
            ensure!(all.get(reading) == Some(value), "{reading:?} of {value} is wrong");
        }
        Ok(Found { lost: lost.len(), aside, said })
    }
}

impl Folder {
    /// Takes what is new, and tidies.
    fn go_on(&self, opened: &mut Opened) -> Result<()> {
        let mut pipeline = pipeline(opened.memory.clone())?;
        for message in self.births.iter().chain(&self.rest) {
            send(opened, &mut pipeline, message)?;
        }
        opened.sealer.seal().context("nothing is sealed any more")?;
        while opened.keeper.step(UnixMicros(NOW.0 + 86_400_000_000)).is_ok_and(|kept| kept.more) {}
        opened.log.maintain()?;
        Ok(())
    }
}

/// Everything that can be read, and of which series something is said to be missing.
fn readings(opened: &Opened) -> Result<(Truth, BTreeSet<tram_pipeline::DatastreamKey>)> {
    let (mut found, mut missing) = (Truth::new(), BTreeSet::new());
    for key in opened.store.datastreams() {
        let mut history = opened.store.history(&key, UnixMicros(0), UnixMicros(i64::MAX))?;
        for reading in history.by_ref() {
            let reading = reading?;
            found.insert((key, reading.time.0), reading.value.context("without a value")?);
        }
        if !history.missing().is_empty() {
            missing.insert(key);
        }
    }
    Ok((found, missing))
}

/// The files below a folder.
fn read(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}
