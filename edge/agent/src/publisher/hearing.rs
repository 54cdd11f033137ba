//! What the centre says, and what becomes of it.

use tracing::{debug, warn};
use tram_spool::SpoolError;
use tram_wire::{Ack, BatchId, Command, Signed};

use super::{BIRTH_AT_MOST_EVERY, Publisher, Session, lock};
use crate::{
    clock::monotonic,
    link::{Gone, Heard},
    pace::Urgency,
};

impl Publisher {
    pub(super) async fn hear(&mut self, session: &mut Session, heard: Heard) -> Result<(), Gone> {
        match heard {
            Heard::Ack(ack) => {
                let (node, spool) = (self.reach.node, ack.spool);
                let now = session.began.elapsed();
                let took = &mut self.checkup.acknowledged_in;
                let witness = self.witness.clone();
                session.window.acknowledge(&ack, |due, sent| {
                    debug!(batch = %BatchId { node, spool, seq: due.seq }, "acknowledged");
                    if let Some(witness) = &witness {
                        witness.acknowledged(spool, due.seq);
                    }
                    if due.urgency != Urgency::Backlog {
                        *took = Some(now.saturating_sub(sent));
                    }
                });
                if self.release(session, &ack) {
                    self.send_birth(session).await?;
                }
                Ok(())
            }
            Heard::Command(Command::Rebirth) => {
                debug!("the centre asks for our birth");
                self.send_birth(session).await
            }
            Heard::Command(Command::Challenge) => match self.orders.challenge(monotonic()) {
                Some(challenge) => self.answer(session, challenge).await,
                None => Ok(()),
            },
            Heard::Command(Command::Signed(signed)) => self.order(session, &signed).await,
            Heard::Unreadable(why) => {
                warn!("a message of the centre was not understood: {why}");
                Ok(())
            }
        }
    }

    /// Has an order done if it is right; what becomes of it is answered when it is known.
    async fn order(&mut self, session: &mut Session, signed: &Signed) -> Result<(), Gone> {
        match self.orders.take(signed, monotonic()) {
            Some(refused) => self.answer(session, refused).await,
            None => Ok(()),
        }
    }

    /// Releases what is acknowledged. Says whether the centre has to be told that there are
    /// numbers it waits for in vain.
    fn release(&self, session: &mut Session, ack: &Ack) -> bool {
        let mut spool = lock(&self.spool);
        let ours = ack.spool == spool.id();
        match spool.acknowledge(ack) {
            Ok(released) => session.acknowledged += released,
            Err(SpoolError::DiskFull(_)) => debug!("the disk is full, spent segments stay"),
            Err(error) => warn!("a spent segment cannot be deleted: {error}"),
        }
        debug!(
            replica = %ack.replica,
            watermark = %ack.watermark,
            committed = ?ack.committed,
            held = spool.stats().held,
            "acknowledgement"
        );
        let recently = session.birth.is_some_and(|(at, ..)| at.elapsed() < BIRTH_AT_MOST_EVERY);
        let (held_from, now) = (spool.held_from(), session.began.elapsed());
        ours && session.released.unknown_to(ack.watermark, held_from, now) && !recently
    }
}
