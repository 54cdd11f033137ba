//! Opens the siren, and takes up what it was about.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use tracing::warn;
use tram_wire::UptimeMicros;

use super::{Button, Kept, Parts, Relay, Watch};
use crate::{
    config::Checked,
    hal::{Backend, Input},
};

/// The largest file of states that is read.
const MAX_STATES_BYTES: u64 = 64 << 20;

/// The rules, the siren and its button.
///
/// # Errors
/// When a pin cannot be had.
pub(crate) fn open(
    checked: &Checked,
    backend: &mut dyn Backend,
    states: &Path,
    now: UptimeMicros,
) -> Result<Watch> {
    let config = &checked.config;
    let (mut relay, mut button, mut limit_us) = (None, None, 0);
    if let Some(siren) = &config.siren {
        let output = backend.output(siren.pin, siren.active_low).context("the siren")?;
        relay = Some(Relay::new(output));
        limit_us = u64::from(siren.max_sounding_s) * 1_000_000;
        if let Some(b) = &siren.reset {
            let input = Input { pin: b.pin, active_low: b.active_low, pull: b.pull };
            button = Some(Button::new(backend.edges(input).context("the siren's reset button")?));
        }
    }
    let parts = Parts {
        node: config.node,
        rules: checked.rules.clone(),
        channels: checked.channels.iter().map(|c| c.about.name).collect(),
        kept: read_kept(states),
        relay,
        button,
        limit_us,
    };
    Ok(Watch::new(parts, now))
}

fn read_kept(file: &Path) -> Kept {
    let small = fs::metadata(file).is_ok_and(|m| m.len() <= MAX_STATES_BYTES);
    if !small {
        return Kept::default();
    }
    let read = fs::read(file).ok().and_then(|bytes| Kept::decoded(&bytes));
    read.unwrap_or_else(|| {
        warn!("{} cannot be read; rules begin anew", file.display());
        Kept::default()
    })
}
