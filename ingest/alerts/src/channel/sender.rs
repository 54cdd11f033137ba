//! One channel, ready to send. Each lives on a thread of its own.

use std::time::Duration;

use tram_wire::UnixMicros;

use super::{
    AlertmanagerConfig, EmailConfig, SmsConfig, Speaker, TelegramConfig, ZaloConfig, alertmanager,
    config::secret,
    email::Mail,
    http::{Http, redacted},
    loudspeaker, sms, telegram,
    zalo::Zalo,
};
use crate::{Delivery, DeliveryResult, Notice, Secret, SecretError, Webhook};

/// The most alerts told again to Alertmanager in one request.
const MAX_AGAIN: usize = 500;

/// Why a channel cannot be used. The texts name no secret.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// A secret is not where the configuration says.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Something else about the configuration.
    #[error("{0}")]
    Unfit(String),
}

/// One channel. Its secrets never show.
pub struct Sender {
    name: String,
    way: Way,
}

enum Way {
    Webhook(Webhook),
    Alertmanager { url: String, token: Option<Secret>, resend: Duration, http: Http },
    Mail(Mail),
    Sms { config: Box<SmsConfig>, secret: Option<Secret>, http: Http },
    Telegram { url: String, token: Secret, http: Http },
    Zalo(Box<Zalo>),
    Loudspeaker(Box<dyn Speaker>),
}

impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Sender {
    /// A webhook.
    #[must_use]
    pub fn webhook(webhook: Webhook) -> Self {
        Self { name: webhook.name().to_owned(), way: Way::Webhook(webhook) }
    }

    /// An Alertmanager.
    ///
    /// # Errors
    /// [`SenderError`] when its token is not where the configuration says.
    pub fn alertmanager(config: &AlertmanagerConfig) -> Result<Self, SenderError> {
        let way = Way::Alertmanager {
            url: config.url.clone(),
            token: secret(config.token_file.as_ref(), None)?,
            resend: Duration::from_secs(u64::from(config.resend_s)),
            http: Http::new(),
        };
        Ok(Self { name: config.name.clone(), way })
    }

    /// Mail.
    ///
    /// # Errors
    /// [`SenderError`] when its password or certificate is not where the configuration says.
    pub fn email(config: &EmailConfig) -> Result<Self, SenderError> {
        Ok(Self { name: config.name.clone(), way: Way::Mail(Mail::new(config)?) })
    }

    /// Short messages.
    ///
    /// # Errors
    /// [`SenderError`] when the secret is not where the configuration says.
    pub fn sms(config: &SmsConfig) -> Result<Self, SenderError> {
        let secret = secret(config.secret_file.as_ref(), config.secret_env.as_ref())?;
        let way = Way::Sms { config: Box::new(config.clone()), secret, http: Http::new() };
        Ok(Self { name: config.name.clone(), way })
    }

    /// A bot of Telegram.
    ///
    /// # Errors
    /// [`SenderError`] when the token is not where the configuration says.
    pub fn telegram(config: &TelegramConfig) -> Result<Self, SenderError> {
        let token = secret(config.token_file.as_ref(), config.token_env.as_ref())?;
        let token = token.ok_or_else(|| SenderError::Unfit("no token is named".to_owned()))?;
        let way = Way::Telegram { url: config.url.clone(), token, http: Http::new() };
        Ok(Self { name: config.name.clone(), way })
    }

    /// An official account of Zalo.
    ///
    /// # Errors
    /// [`SenderError`] when the tokens are not where the configuration says.
    pub fn zalo(config: &ZaloConfig) -> Result<Self, SenderError> {
        Ok(Self { name: config.name.clone(), way: Way::Zalo(Box::new(Zalo::new(config)?)) })
    }

    /// Loudspeakers.
    #[must_use]
    pub fn loudspeaker(name: &str, speaker: Box<dyn Speaker>) -> Self {
        Self { name: name.to_owned(), way: Way::Loudspeaker(speaker) }
    }

    /// The channel's name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the beginning of each attempt is to be written down, because the receiver does not
    /// know a message that comes twice: short messages, Telegram and Zalo. The others have a key.
    #[must_use]
    pub fn forgets(&self) -> bool {
        matches!(self.way, Way::Sms { .. } | Way::Telegram { .. } | Way::Zalo(_))
    }

    /// How often [`tell_again`](Self::tell_again) is to be called; never when `None`.
    #[must_use]
    pub fn again_every(&self) -> Option<Duration> {
        match &self.way {
            Way::Alertmanager { resend, .. } => Some(*resend),
            _ => None,
        }
    }

    /// Sends one delivery and waits for the answer.
    #[must_use]
    pub fn send(&mut self, delivery: &Delivery, now: UnixMicros) -> DeliveryResult {
        if !delivery.notice {
            return match &self.way {
                Way::Webhook(webhook) => webhook.send(delivery, now),
                Way::Alertmanager { url, token, http, .. } => {
                    let Some(alerts) = alertmanager::alerts(&delivery.body, now, false) else {
                        return DeliveryResult::Refused(UNREADABLE.to_owned());
                    };
                    tell(http, url, token.as_ref(), &alerts)
                }
                _ => DeliveryResult::Refused(UNREADABLE.to_owned()),
            };
        }
        let Ok(mut notice) = serde_json::from_slice::<Notice>(&delivery.body) else {
            return DeliveryResult::Refused(UNREADABLE.to_owned());
        };
        if delivery.repeated {
            notice.mark_repeated();
        }
        self.send_notice(delivery, &notice, now)
    }

    fn send_notice(
        &mut self,
        delivery: &Delivery,
        notice: &Notice,
        now: UnixMicros,
    ) -> DeliveryResult {
        match &mut self.way {
            Way::Webhook(webhook) => webhook.send(delivery, now),
            Way::Alertmanager { url, token, http, .. } => {
                tell(http, url, token.as_ref(), &alertmanager::test(notice, now))
            }
            Way::Loudspeaker(speaker) => {
                let (topic, payload) = loudspeaker::message(delivery, notice);
                speaker.say(&topic, &payload)
            }
            _ if delivery.address.is_empty() => {
                DeliveryResult::Refused("nobody is reached by this channel".to_owned())
            }
            Way::Mail(mail) => mail.send(delivery, notice, now),
            Way::Sms { config, secret, http } => {
                let secret = secret.as_ref().map_or("", Secret::text);
                let request = sms::request(config, secret, &delivery.address, notice);
                let result = match http.post(&request) {
                    Ok(answer) => sms::result(config, &answer),
                    Err(lost) => lost,
                };
                redacted(result, secret)
            }
            Way::Telegram { url, token, http } => {
                let request = telegram::request(url, token.text(), &delivery.address, notice);
                let result = match http.post(&request) {
                    Ok(answer) => telegram::result(&answer),
                    Err(lost) => lost,
                };
                redacted(result, token.text())
            }
            Way::Zalo(zalo) => zalo.send(delivery, notice, now),
        }
    }

    /// Tells again of what goes on: the bodies of [`Alerts::standing`](crate::Alerts::standing).
    /// What fails is said again at the next time.
    ///
    /// # Errors
    /// What happened to the first request that failed.
    pub fn tell_again(&self, bodies: &[Vec<u8>], now: UnixMicros) -> Result<(), DeliveryResult> {
        let Way::Alertmanager { url, token, http, .. } = &self.way else { return Ok(()) };
        for bodies in bodies.chunks(MAX_AGAIN) {
            let alerts = bodies.iter().filter_map(|body| alertmanager::alerts(body, now, true));
            let alerts: Vec<_> = alerts.flatten().collect();
            match tell(http, url, token.as_ref(), &alerts) {
                DeliveryResult::Delivered => {}
                other => return Err(other),
            }
        }
        Ok(())
    }
}

const UNREADABLE: &str = "the outbox holds something that this channel cannot send";

fn tell(
    http: &Http,
    url: &str,
    token: Option<&Secret>,
    alerts: &[serde_json::Value],
) -> DeliveryResult {
    let token = token.map(Secret::text);
    let request = alertmanager::request(url, token, alerts);
    let result = match http.post(&request) {
        Ok(answer) => alertmanager::result(&answer),
        Err(lost) => lost,
    };
    redacted(result, token.unwrap_or_default())
}
