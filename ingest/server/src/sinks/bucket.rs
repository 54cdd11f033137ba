//! Whether the bucket of a sink is there: looked at before the first reading is sent, and again
//! after the engine did not take one.

use tram_store::sink::{Answer, Prepared, ProvisionError, Wanted};

use super::influxdb2;
use crate::config::Sink;

/// The bucket of a sink that has one.
pub(super) struct Bucket {
    sink: Sink,
    wanted: Wanted,
    token: String,
    seen: bool,
    /// Said once.
    complained: bool,
}

impl Bucket {
    /// `None` for an engine without buckets of ours.
    pub(super) fn new(sink: &Sink) -> Option<Self> {
        let (wanted, token) = sink.bucket.clone()?;
        Some(Self { sink: sink.clone(), wanted, token, seen: false, complained: false })
    }

    /// The next request is preceded by a look.
    pub(super) fn doubt(&mut self) {
        self.seen = false;
    }

    /// Sees to the bucket; what is in the way counts as the engine's answer.
    pub(super) fn see_to(&mut self) -> Option<Answer> {
        if self.seen {
            return None;
        }
        match influxdb2::see_to(&self.sink, &self.wanted, &self.token) {
            Ok(prepared) => {
                self.seen = true;
                self.say(&prepared);
                None
            }
            Err(ProvisionError::Unreachable(reason)) => Some(Answer::Unreachable { reason }),
            Err(error) => Some(Answer::Later { reason: error.to_string(), after: None }),
        }
    }

    fn say(&mut self, prepared: &Prepared) {
        let (sink, bucket) = (self.sink.name.as_str(), self.wanted.bucket.as_str());
        let keeps = kept(self.wanted.retention_s.unwrap_or(0));
        match prepared {
            Prepared::AsWanted => {}
            Prepared::Created => tracing::info!(sink, bucket, keeps, "the bucket is new"),
            Prepared::Updated { was_s } => {
                let kept = kept(*was_s);
                tracing::warn!(
                    sink,
                    bucket,
                    keeps,
                    kept,
                    "the bucket keeps readings for another time than before; the engine deletes what is older"
                );
            }
            Prepared::NotAllowed { reason } => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(
                        sink,
                        bucket,
                        reason,
                        "the token may not see to the bucket; readings are written to it all the same, and its retention is not looked after"
                    );
                }
            }
        }
    }
}

/// A retention for people.
fn kept(seconds: u64) -> String {
    match seconds {
        0 => "for ever".to_owned(),
        s if s % 86_400 == 0 => format!("{} days", s / 86_400),
        s => format!("{s} seconds"),
    }
}
