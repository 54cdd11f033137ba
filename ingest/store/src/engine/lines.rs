//! Answers that are one JSON document a line.

use std::{
    collections::VecDeque,
    io::{BufRead, Read},
    marker::PhantomData,
};

use serde::de::DeserializeOwned;

use super::{
    EngineError,
    error::malformed,
    http::{Answer, broken},
};

/// The longest line. Engines are asked for so many values a line that none comes near.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// How many values a line is asked to hold at most.
pub(super) const LINE_VALUES: &str = "10000";

/// A document that holds samples.
pub(super) trait Document: DeserializeOwned + Send {
    /// Its samples.
    fn samples(self) -> Result<Vec<(i64, f64)>, EngineError>;
}

/// The samples of documents of this kind.
pub(super) struct JsonLines<D> {
    answer: Answer,
    line: Vec<u8>,
    samples: VecDeque<(i64, f64)>,
    done: bool,
    kind: PhantomData<fn() -> D>,
}

impl<D: Document> JsonLines<D> {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, line: Vec::new(), samples: VecDeque::new(), done: false, kind: PhantomData }
    }

    fn more(&mut self) -> Result<bool, EngineError> {
        self.line.clear();
        let read = (&mut self.answer).take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line);
        if read.map_err(|e| broken(&e))? == 0 {
            return Ok(false);
        }
        if self.line.len() as u64 >= MAX_LINE_BYTES {
            return Err(malformed("a line of it has no end"));
        }
        if !self.line.trim_ascii().is_empty() {
            let document: D =
                serde_json::from_slice(&self.line).map_err(|e| malformed(e.to_string()))?;
            self.samples.extend(document.samples()?);
        }
        Ok(true)
    }
}

impl<D: Document> Iterator for JsonLines<D> {
    type Item = Result<(i64, f64), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(sample) = self.samples.pop_front() {
                return Some(Ok(sample));
            }
            if self.done {
                return None;
            }
            match self.more() {
                Ok(true) => {}
                Ok(false) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
