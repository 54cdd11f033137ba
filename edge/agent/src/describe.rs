//! What a station file describes, in words.

use crate::config::{BackendKind, Checked, Config, ScenarioKind};

/// Says what a station file describes.
pub(crate) fn describe(checked: &Checked) {
    let config = &checked.config;
    println!("tram-edge {}, station {}", env!("CARGO_PKG_VERSION"), config.node);
    for c in &checked.channels {
        let a = &c.about;
        let (name, unit) = (a.name, a.quantity.unit());
        println!("  reads   {name} ({unit}) every {} s from {}", c.interval_s, a.sensor);
    }
    println!("  on      {}", platform(config));
    for rule in &checked.rules {
        let from = rule.siren_from.unwrap_or_default();
        match &config.siren {
            Some(siren) => {
                println!("  siren   pin {}, by rule {} from level {from}", siren.pin, rule.id);
            }
            None => println!("  siren   none; rule {} is sent as an alarm only", rule.id),
        }
    }
    let mib = config.spool.max_bytes >> 20;
    println!("  keeps   up to {mib} MiB in {}", config.data.display());
    println!("  sends   to {} as {}", config.broker.url, config.node);
}

fn platform(config: &Config) -> String {
    match config.hardware.backend {
        BackendKind::Rppal => "a Raspberry Pi".to_owned(),
        BackendKind::Linux => format!("Linux devices, {}", config.hardware.gpio_chip),
        BackendKind::Emulator => {
            let e = config.emulator.clone().unwrap_or_default();
            match (e.scenario, e.replay) {
                (ScenarioKind::Replay, Some(path)) => {
                    format!("emulated parts, replaying {}", path.display())
                }
                (scenario, _) => {
                    let scenario = format!("{scenario:?}").to_lowercase();
                    format!("emulated parts, scenario {scenario} at {} times its pace", e.speed)
                }
            }
        }
    }
}
