//! What the node says about itself.

use anyhow::{Context as _, Result};
use tram_spool::Spool;
use tram_wire::{Birth, ChannelInfo, ChannelName, Health, Quantity, Status, StatusState, Text};

use crate::clock::{Moment, SharedBoots};

/// What a channel is, besides its number.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) name: ChannelName,
    pub(crate) quantity: Quantity,
    pub(crate) resolution: u32,
    pub(crate) sensor: Text<64>,
    pub(crate) position: Text<64>,
    pub(crate) calibration: Text<64>,
}

/// Makes births and status messages.
#[derive(Debug, Clone)]
pub(crate) struct Herald {
    pub(crate) node: tram_wire::NodeId,
    pub(crate) digest: [u8; 8],
    pub(crate) boot: u32,
    pub(crate) boots: SharedBoots,
    pub(crate) channels: Vec<About>,
}

impl Herald {
    /// The birth of this moment. Its dictionary is the spool's whole: a channel that is no longer
    /// configured may still be in batches that wait.
    pub(crate) fn birth(&self, spool: &Spool, now: Moment) -> Result<Vec<u8>> {
        let software = concat!("tram-edge ", env!("CARGO_PKG_VERSION"));
        let channels = spool.dictionary().iter().map(|c| {
            let about = self.channels.iter().find(|a| a.name == c.name);
            ChannelInfo {
                number: c.number,
                name: c.name,
                quantity: c.quantity,
                resolution: about.map_or(0, |a| a.resolution),
                sensor: about.map_or_else(empty, |a| a.sensor),
                position: about.map_or_else(empty, |a| a.position),
                calibration: about.map_or_else(empty, |a| a.calibration),
            }
        });
        let birth = Birth {
            node: self.node,
            software: Text::new(software).unwrap_or_else(|_| empty()),
            config_digest: self.digest,
            spool: spool.id(),
            held_from: spool.held_from(),
            clock: now.state,
            boot: self.boot,
            uptime_offset: now.offset(),
            earlier: self.boots.earlier(),
            channels: channels.collect(),
        };
        birth.encode().context("the birth message")
    }

    /// On line or off line, and how the node is.
    pub(crate) fn status(&self, state: StatusState, health: Option<Health>) -> Vec<u8> {
        Status { state, boot: self.boot, health }.encode()
    }
}

fn empty<const N: usize>() -> Text<N> {
    Text::new("").expect("an empty text fits any bound")
}
