//! Which files there are, and where something new goes.
//!
//! Files are deleted whole, so what is kept for different lengths of time lies in different files:
//! `2026-03-01.db` holds what follows the default policy, `2026-03-01.7d.db` what is kept for seven
//! days. A quantity lies in one file of a span only. When a policy changes, what is there stays
//! where it is; a file goes when the time of everything in it is over.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tram_wire::Quantity;

use crate::{
    Keep, Policy, Retention, StoreError,
    day::{Day, Span},
    error::wrap_io,
    rollup::Level,
};

/// Some of the quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Quantities(u64);

impl Quantities {
    /// Whatever there may be.
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn of(quantity: Quantity) -> Self {
        Self(1 << (quantity.number() & 63))
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn has(self, quantity: Quantity) -> bool {
        self.0 & Self::of(quantity).0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Quantity> {
        Quantity::all().filter(move |q| self.has(*q))
    }
}

/// What the files of a shelf hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tier {
    Raw,
    Rollup(Level),
}

impl Tier {
    /// Its folder within the store's.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Raw => "series",
            Self::Rollup(Level::Minute) => "rollup/minute",
            Self::Rollup(Level::Hour) => "rollup/hour",
            Self::Rollup(Level::Day) => "rollup/day",
        }
    }

    pub(crate) fn keep(self, policy: Policy) -> Keep {
        match self {
            Self::Raw => policy.raw,
            Self::Rollup(level) => level.keep(policy),
        }
    }

    fn span(self, day: Day) -> Span {
        match self {
            Self::Raw => day.span(),
            Self::Rollup(level) => level.file(day),
        }
    }

    /// The part of a date that names a file.
    fn stem(self, span: Span) -> String {
        let mut date = span.first.date();
        match self {
            Self::Raw => {}
            Self::Rollup(Level::Minute) => date.truncate(date.len().saturating_sub("-01".len())),
            Self::Rollup(_) => date.truncate(date.len().saturating_sub("-01-01".len())),
        }
        date
    }

    /// Reads a file's name; `None` when it is none of ours.
    pub(crate) fn parse(self, name: &str) -> Option<FileName> {
        let stem = name.strip_suffix(".db")?;
        let (date, keep) = match stem.split_once('.') {
            Some((date, keep)) => (date, Some(Keep::parse(keep)?)),
            None => (stem, None),
        };
        let day = match self {
            Self::Raw => Day::from_date(date),
            Self::Rollup(Level::Minute) => Day::from_date(&format!("{date}-01")),
            Self::Rollup(_) => Day::from_date(&format!("{date}-01-01")),
        };
        let found = FileName { tier: self, span: self.span(day?), keep };
        (found.text() == name).then_some(found)
    }
}

/// A file of a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileName {
    pub(crate) tier: Tier,
    pub(crate) span: Span,
    /// What its name says of the policy; nothing for the default one.
    keep: Option<Keep>,
}

impl FileName {
    pub(crate) fn text(&self) -> String {
        let stem = self.tier.stem(self.span);
        match self.keep {
            Some(keep) => format!("{stem}.{keep}.db"),
            None => format!("{stem}.db"),
        }
    }
}

/// The files of one tier. What is in them is known without opening them.
#[derive(Debug)]
pub(crate) struct Shelf {
    tier: Tier,
    dir: PathBuf,
    files: RwLock<BTreeMap<FileName, Quantities>>,
}

impl Shelf {
    /// Lists the files of a store's folder; `look` opens one. A `writer` makes the folder if needed.
    pub(crate) fn open(
        dir: &Path,
        tier: Tier,
        writer: bool,
        mut look: impl FnMut(FileName, &Path) -> Result<Option<Quantities>, StoreError>,
    ) -> Result<Self, StoreError> {
        let dir = dir.join(tier.folder());
        let error = |e: std::io::Error| wrap_io(&dir, &e);
        if writer {
            tram_pages::create_folder(&dir).map_err(error)?;
        }
        let mut files = BTreeMap::new();
        let entries = match fs::read_dir(&dir) {
            // Nothing has been sealed into a restored folder yet.
            Err(e) if e.kind() == ErrorKind::NotFound && !writer => None,
            entries => Some(entries.map_err(error)?),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(error)?;
            let name = entry.file_name();
            if let Some(name) = name.to_str().and_then(|n| tier.parse(n))
                && let Some(quantities) = look(name, &entry.path())?
            {
                files.insert(name, quantities);
            }
        }
        Ok(Self { tier, dir, files: RwLock::new(files) })
    }

    pub(crate) fn path(&self, name: &FileName) -> PathBuf {
        self.dir.join(name.text())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<FileName, Quantities>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<FileName, Quantities>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that has a quantity of the span that a day is in.
    pub(crate) fn find(&self, day: Day, quantity: Quantity) -> Option<FileName> {
        let span = self.tier.span(day);
        let files = self.read();
        let of_span = self.of_span(&files, span);
        of_span.into_iter().find(|(_, q)| q.has(quantity)).map(|(name, _)| name)
    }

    /// The file where a quantity of that day goes, whether it exists or not.
    pub(crate) fn place(&self, day: Day, quantity: Quantity, retention: &Retention) -> FileName {
        self.find(day, quantity).unwrap_or_else(|| {
            let keep = self.tier.keep(retention.policy(quantity));
            let default = self.tier.keep(retention.default_policy());
            let keep = (keep != default).then_some(keep);
            FileName { tier: self.tier, span: self.tier.span(day), keep }
        })
    }

    fn of_span(
        &self,
        files: &BTreeMap<FileName, Quantities>,
        span: Span,
    ) -> Vec<(FileName, Quantities)> {
        let start = FileName { tier: self.tier, span, keep: None };
        let from = files.range(start..).take_while(|(name, _)| name.span == span);
        from.map(|(name, q)| (*name, *q)).collect()
    }

    /// The files that share a moment with the time from `from` to before `to`, in order.
    pub(crate) fn files(&self, from: i64, to: i64) -> Vec<(FileName, Quantities)> {
        let files = self.read();
        // A span is a year at most, so what begins earlier than that before `from` ends before it.
        let earliest = Day(Day::of(from).0.saturating_sub(366)).span();
        let start = FileName { tier: self.tier, span: earliest, keep: None };
        files
            .range(start..)
            .take_while(|(name, _)| name.span.range().0 < to)
            .filter(|(name, _)| name.span.meets(from, to))
            .map(|(name, q)| (*name, *q))
            .collect()
    }

    /// Those of them that have a quantity.
    pub(crate) fn with(&self, quantity: Quantity, from: i64, to: i64) -> Vec<FileName> {
        let files = self.files(from, to).into_iter();
        files.filter(|(_, q)| q.has(quantity)).map(|(name, _)| name).collect()
    }

    /// Notes that a file exists and has these quantities, too.
    pub(crate) fn add(&self, name: FileName, quantities: Quantities) {
        let mut files = self.write();
        let known = files.entry(name).or_default();
        *known = known.with(quantities);
    }

    /// Notes that a file is not there any more.
    pub(crate) fn remove(&self, name: &FileName) {
        self.write().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_others_are_left_alone() {
        let day = Day::from_date("2026-03-17").unwrap();
        for (tier, keep, text) in [
            (Tier::Raw, None, "2026-03-17.db"),
            (Tier::Raw, Some(Keep::Days(7)), "2026-03-17.7d.db"),
            (Tier::Rollup(Level::Minute), None, "2026-03.db"),
            (Tier::Rollup(Level::Hour), Some(Keep::Forever), "2026.forever.db"),
            (Tier::Rollup(Level::Day), None, "2026.db"),
        ] {
            let name = FileName { tier, span: tier.span(day), keep };
            assert_eq!(name.text(), text);
            assert_eq!(tier.parse(text), Some(name));
        }
        for other in ["2026-03-17.db-wal", "2026-03-17.new", "2026-03-17.07d.db", "x.db", ".db"] {
            assert_eq!(Tier::Raw.parse(other), None, "{other}");
        }
        assert_eq!(Tier::Rollup(Level::Hour).parse("2026-03.db"), None);
    }

    #[test]
    fn a_quantity_stays_in_its_file_when_the_policy_changes() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path(), Tier::Raw, true, |_, _| Ok(None)).unwrap();
        let (old, new) = (Day(20_000), Day(20_001));
        let short = Policy { raw: Keep::Days(7), ..Policy::FOREVER };
        let before = Retention::default();
        let after = Retention::new(Policy::FOREVER, [(Quantity::Rain, short)].into());
        let first = shelf.place(old, Quantity::Rain, &before);
        shelf.add(first, Quantities::of(Quantity::Rain));
        assert_eq!(shelf.place(old, Quantity::Rain, &after), first);
        let second = shelf.place(new, Quantity::Rain, &after);
        assert!(shelf.path(&second).ends_with("1970-01-01.db") || second.keep == short.raw.into());
        assert_eq!(shelf.find(new, Quantity::Rain), None);
        shelf.add(second, Quantities::of(Quantity::Rain));
        assert_eq!(shelf.find(new, Quantity::Rain), Some(second));
        let (from, to) = (old.range().0, new.range().1);
        assert_eq!(shelf.with(Quantity::Rain, from, to), [first, second]);
        assert_eq!(shelf.with(Quantity::Rain, from, new.range().0), [first]);
        assert_eq!(shelf.with(Quantity::Tilt, from, to), []);
        shelf.remove(&first);
        assert_eq!(shelf.files(from, to).len(), 1);
    }
}
