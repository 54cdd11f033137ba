//! The channels of the configuration, ready to send; and the one transport that is not
//! `tram-alerts`' own: MQTT, for loudspeakers.

mod speaker;

use tram_alerts::{Config, Sender, Webhook};

use crate::{config::External, failure::Failure};

pub(crate) use speaker::MqttSpeaker;

/// Every channel but the loudspeakers, which wait for the broker.
///
/// # Errors
/// [`Failure`] for the first that cannot be used.
pub(crate) fn senders(alerts: &Config) -> Result<Vec<Sender>, Failure> {
    let mut senders = Vec::new();
    for hook in &alerts.webhook {
        let webhook = Webhook::new(hook).map_err(|e| unfit(&hook.name, &e))?;
        senders.push(Sender::webhook(webhook));
    }
    for c in &alerts.alertmanager {
        senders.push(Sender::alertmanager(c).map_err(|e| unfit(&c.name, &e))?);
    }
    for c in &alerts.email {
        senders.push(Sender::email(c).map_err(|e| unfit(&c.name, &e))?);
    }
    for c in &alerts.sms {
        senders.push(Sender::sms(c).map_err(|e| unfit(&c.name, &e))?);
    }
    for c in &alerts.telegram {
        senders.push(Sender::telegram(c).map_err(|e| unfit(&c.name, &e))?);
    }
    for c in &alerts.zalo {
        senders.push(Sender::zalo(c).map_err(|e| unfit(&c.name, &e))?);
    }
    Ok(senders)
}

/// The loudspeakers; `own` is how the centre reaches its broker.
///
/// # Errors
/// [`Failure`] for the first that cannot be used.
pub(crate) fn loudspeakers(alerts: &Config, own: &External) -> Result<Vec<Sender>, Failure> {
    let mut senders = Vec::new();
    for (n, config) in alerts.loudspeaker.iter().enumerate() {
        let speaker = MqttSpeaker::new(config, own, n)?;
        senders.push(Sender::loudspeaker(&config.name, Box::new(speaker)));
    }
    Ok(senders)
}

/// Checks what the configuration names outside of itself: secrets and certificates.
///
/// # Errors
/// The place in the configuration and what is wrong there.
pub(crate) fn check(alerts: &Config) -> Result<(), (String, String)> {
    type Tried<'a> = (&'a str, usize, Result<Sender, tram_alerts::SenderError>);
    let emails = alerts.email.iter().enumerate().map(|(i, c)| ("email", i, Sender::email(c)));
    let sms = alerts.sms.iter().enumerate().map(|(i, c)| ("sms", i, Sender::sms(c)));
    let bots =
        alerts.telegram.iter().enumerate().map(|(i, c)| ("telegram", i, Sender::telegram(c)));
    let zalo = alerts.zalo.iter().enumerate().map(|(i, c)| ("zalo", i, Sender::zalo(c)));
    let managers = alerts.alertmanager.iter().enumerate();
    let managers = managers.map(|(i, c)| ("alertmanager", i, Sender::alertmanager(c)));
    let all: Vec<Tried<'_>> = emails.chain(sms).chain(bots).chain(zalo).chain(managers).collect();
    for (kind, i, tried) in all {
        tried.map_err(|e| (format!("alerts.{kind}[{i}].name"), e.to_string()))?;
    }
    Ok(())
}

fn unfit(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("the channel `{name}` cannot be used: {error}"), "")
}
