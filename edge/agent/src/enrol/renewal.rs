//! The next certificate, before this one ends.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use tracing::{info, warn};
use tram_wire::{EnrolRefusal, EnrolRequest, NodeId, UnixMicros};

use super::{Enrolled, exchange, folder::Next, request::request, trust};
use crate::clock::{self, Clock};

/// How often somebody looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The same while the node is not enrolled.
const LOOK_FOR_ONE: Duration = Duration::from_secs(60);
/// The shortest time between two looks.
const LOOK_AT_LEAST: Duration = Duration::from_secs(1);
/// A certificate is looked at so many times in its life, if that is more often.
const LOOKS_A_LIFE: u64 = 100;

/// Keeps the node's certificate alive.
pub(crate) struct Renewal {
    pub(crate) node: NodeId,
    pub(crate) data: PathBuf,
    pub(crate) clock: Clock,
}

impl Renewal {
    /// Runs for as long as the station does.
    pub(crate) async fn run(self) {
        let mut said = String::new();
        loop {
            let enrolled = Enrolled::load(&self.data).ok().flatten();
            let wait = enrolled.as_ref().map_or(LOOK_FOR_ONE, look_after);
            tokio::time::sleep(wait).await;
            let Some(enrolled) = Enrolled::load(&self.data).ok().flatten() else { continue };
            let now = self.clock.now();
            if !now.believed() || !due(&enrolled, now.unix) {
                continue;
            }
            let (node, data) = (self.node, self.data.clone());
            let renewed = tokio::task::spawn_blocking(move || renew(node, &data, &enrolled)).await;
            match renewed.map_err(anyhow::Error::from).and_then(|r| r) {
                Ok(next) => {
                    said.clear();
                    let days = next.expires().since(now.unix) / 86_400_000_000;
                    info!("the certificate was renewed; it is good for {days} days");
                }
                Err(error) => {
                    // The same reason again and again is said once.
                    let why = format!("{error:#}");
                    if why != said {
                        warn!("the certificate could not be renewed ({why}); trying again");
                        said = why;
                    }
                }
            }
        }
    }
}

/// How long to wait before looking: within an hour, a hundred times in a short life, and not all
/// nodes at the same moment.
fn look_after(enrolled: &Enrolled) -> Duration {
    let life = enrolled.expires().since(enrolled.issued());
    let life = Duration::from_micros(u64::try_from(life).unwrap_or_default());
    let step = Duration::from_secs(life.as_secs() / LOOKS_A_LIFE).min(LOOK_EVERY);
    step.max(LOOK_AT_LEAST).mul_f64(0.75 + 0.25 * f64::from(clock::random()) / f64::from(u32::MAX))
}

/// Whether two thirds of the certificate's life have passed.
fn due(enrolled: &Enrolled, now: UnixMicros) -> bool {
    let life = enrolled.expires().since(enrolled.issued());
    now.since(enrolled.issued()) >= life / 3 * 2
}

/// Fetches the next certificate of the same key. A key that would change with it could be lost
/// between two writes, and with it the node; a certificate alone is exchanged in one.
fn renew(node: NodeId, data: &std::path::Path, enrolled: &Enrolled) -> Result<Enrolled> {
    let key = std::fs::read_to_string(enrolled.key()).context("reading the node's key")?;
    let centre: exchange::Centre =
        enrolled.note.centre.parse().map_err(|e: String| anyhow!("{e}"))?;
    let ask = EnrolRequest { node, secret: None, request: request(node, &key)? };
    let tls = trust::mutual_with_centre(enrolled)?;
    let answer = exchange::exchange(&centre, tls, &ask).map_err(|e| anyhow!("{e}"))?;
    let given = match answer {
        Ok(given) => given,
        Err(EnrolRefusal::Revoked) => {
            return Err(anyhow!(
                "the centre has revoked this node; enrol it anew: tram-edge enroll"
            ));
        }
        Err(other) => return Err(anyhow!("the centre refuses: {other:?}")),
    };
    let next = Next::open(data)?;
    next.put_key(&key)?;
    next.finish(node, &enrolled.note.centre, &given)
}

#[cfg(test)]
mod tests {
    use super::{super::folder::Note, *};

    fn enrolled(issued: i64, expires: i64) -> Enrolled {
        let data = tempfile::tempdir().unwrap();
        let note = Note {
            node: "a".to_owned(),
            centre: "c:1".to_owned(),
            broker: "mqtts://c".to_owned(),
            issued,
            expires,
        };
        std::fs::create_dir(data.path().join("enrolled")).unwrap();
        let text = serde_json::to_vec(&note).unwrap();
        std::fs::write(data.path().join("enrolled/enrolment.json"), text).unwrap();
        Enrolled::load(data.path()).unwrap().unwrap()
    }

    #[test]
    fn it_is_time_when_two_thirds_have_passed() {
        let year = enrolled(1_000_000, 1_000_000 + 31_536_000);
        let at = |s: i64| UnixMicros((1_000_000 + s) * 1_000_000);
        for (seconds, time) in
            [(0, false), (21_023_999, false), (21_024_000, true), (40_000_000, true), (-5, false)]
        {
            assert_eq!(due(&year, at(seconds)), time, "{seconds}");
        }
    }

    #[test]
    fn a_long_life_is_looked_at_every_hour_and_a_short_one_more_often() {
        let hour = look_after(&enrolled(0, 31_536_000));
        assert!((2700..=3600).contains(&hour.as_secs()), "{hour:?}");
        let second = look_after(&enrolled(0, 20));
        assert!(second <= LOOK_AT_LEAST && second >= LOOK_AT_LEAST / 2, "{second:?}");
    }
}
