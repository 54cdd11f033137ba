//! Long work that says how far it is and can be told to stop.

/// How far long work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'a> {
    /// What is being worked on, such as `series/2026-03-01.db`.
    pub what: &'a str,
    /// Bytes done.
    pub done: u64,
    /// Bytes there are; an estimate while a centre runs.
    pub total: u64,
}

/// The work was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

/// Called every megabyte or so; the work ends when it says so.
pub type Watch<'a> = dyn FnMut(Work<'_>) -> Result<(), Interrupted> + 'a;

/// Counts the bytes of long work for its [`Watch`].
pub(crate) struct Meter<'w, 'a> {
    watch: &'w mut Watch<'a>,
    done: u64,
    total: u64,
}

impl<'w, 'a> Meter<'w, 'a> {
    pub(crate) fn new(watch: &'w mut Watch<'a>, total: u64) -> Self {
        Self { watch, done: 0, total }
    }

    /// Notes that so much more is done.
    pub(crate) fn add(&mut self, what: &str, bytes: u64) -> Result<(), Interrupted> {
        self.done = self.done.saturating_add(bytes);
        self.total = self.total.max(self.done);
        (self.watch)(Work { what, done: self.done, total: self.total })
    }
}
