//! What the node tells of itself: its birth and its health.

use tokio::time::Instant;
use tracing::warn;
use tram_wire::{Kind, StatusState};

use super::{Publisher, Session, lock};
use crate::{link::Gone, pace::Urgency};

/// The centre is told when the offset of the clock has changed by more than this.
const OFFSET_NEWS_US: i64 = 1_000_000;

impl Publisher {
    pub(super) async fn send_birth(&mut self, session: &mut Session) -> Result<(), Gone> {
        let now = self.clock.now();
        let birth = self.herald.birth(&lock(&self.spool), now);
        session.birth = Some((Instant::now(), now.state, now.raw_offset()));
        match birth {
            Ok(birth) => self.publish(session, Kind::Birth, Urgency::Always, birth).await,
            Err(error) => {
                warn!("{error:#}");
                Ok(())
            }
        }
    }

    /// Once the clock has been set, the centre can restamp what was taken before.
    pub(super) async fn birth_when_the_clock_was_set(
        &mut self,
        session: &mut Session,
    ) -> Result<(), Gone> {
        let now = self.clock.now();
        let news = |offset: i64| {
            let by = now.raw_offset().saturating_sub(offset).saturating_abs();
            now.believed() && by > OFFSET_NEWS_US
        };
        match session.birth {
            Some((_, said, offset)) if said == now.state && !news(offset) => Ok(()),
            _ => self.send_birth(session).await,
        }
    }

    /// Says that the node is on line and how it is.
    pub(super) async fn send_health(
        &mut self,
        session: &mut Session,
        urgency: Urgency,
    ) -> Result<(), Gone> {
        session.health = Instant::now();
        let health = self.checkup.take(&mut lock(&self.spool), self.clock.now());
        let online = self.herald.status(StatusState::Online, Some(health));
        self.publish(session, Kind::Status, urgency, online).await
    }
}
