//! What has to be had before anything starts: the hardware, the channels, and what is remembered of
//! the run before.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use tram_emulator::Clock as BoardClock;
use tram_node::Qc;
use tram_spool::Spool;
use tram_wire::{ChannelNumber, ClockState};

use crate::{
    clock::{Clock, SharedBoots},
    config::{BackendKind, Checked, Config},
    hal::{Backend, Emulated, Linux, RaspberryPi},
    lost::Resume,
    sampler::{Channel, Replay},
};

/// When each channel was last taken. Times since an earlier boot become times where its offset is
/// known, so that what was due since then can be counted.
pub(super) fn resume(
    spool: &Spool,
    clock: &Clock,
    boots: &SharedBoots,
) -> HashMap<ChannelNumber, Resume> {
    let dated = |state: ClockState, at: i64| match state {
        ClockState::Unsynchronised { boot } if boot != clock.boot() => match boots.offset(boot) {
            Some(offset) => (ClockState::Rtc, at.saturating_add(offset)),
            None => (state, at),
        },
        _ => (state, at),
    };
    let all = spool.latest().map(|(channel, state, at)| {
        let (state, at) = dated(state, at);
        (channel, Resume::new(state, at))
    });
    all.collect()
}

/// The hardware, the clock that goes with it, and a recording that is being replayed.
pub(crate) type Opened = (Box<dyn Backend>, Clock, Option<Replay>);

/// Opens the hardware that the station file names, part by part later.
///
/// # Errors
/// When a recording cannot be read.
pub(crate) fn open_backend(config: &Config) -> Result<Opened> {
    let clock = Clock::system(config.clock.source);
    let chip = config.hardware.gpio_chip.clone();
    Ok(match config.hardware.backend {
        BackendKind::Rppal => (Box::new(RaspberryPi::new(chip)), clock, None),
        BackendKind::Linux => (Box::new(Linux::new(chip)), clock, None),
        BackendKind::Emulator => {
            let (emulated, clock) = Emulated::new(config)?;
            let board = emulated.board();
            let replay = match board.clock() {
                BoardClock::Virtual { end, .. } => Some(Replay { board, end }),
                BoardClock::Real => None,
            };
            (Box::new(emulated), clock, replay)
        }
    })
}

pub(super) fn number_channels(checked: &Checked, spool: &mut Spool) -> Result<Vec<Channel>> {
    let numbered = checked.channels.iter().map(|c| {
        let (name, quantity) = (c.about.name, c.about.quantity);
        let number = spool.channel_number(&name, quantity).with_context(|| {
            format!("channel {name}; give it another name, or begin a new data folder")
        })?;
        let latest = spool.latest().find(|(channel, ..)| *channel == number);
        let latest = latest.filter(|(_, clock, _)| {
            // Times since boot are given out once in a boot, whatever happens to the clock.
            !matches!(clock, ClockState::Unsynchronised { .. })
        });
        let (limits, qc) = (c.limits, Qc::new(c.limits));
        let latest = latest.map(|(_, _, at)| at);
        Ok(Channel { name, number, quantity, limits, qc, latest })
    });
    numbered.collect()
}
