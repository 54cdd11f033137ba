//! Ways to reach somebody. Each channel is an encoder, which makes a request of a message and a
//! result of an answer and knows no network, and one blocking transport that carries it.

mod alertmanager;
mod config;
mod email;
mod http;
mod loudspeaker;
mod sender;
mod short;
mod sms;
mod telegram;
mod template;
mod zalo;

pub use alertmanager::ALERTMANAGER_STANDS;
pub use config::{
    AlertmanagerConfig, EmailConfig, LoudspeakerConfig, MAX_CHANNELS, SmsConfig, SmsFormat,
    TelegramConfig, ZaloConfig,
};
pub use loudspeaker::{LOUDSPEAKER_TOPIC, Speaker};
pub use sender::{Sender, SenderError};

pub(crate) use config::check;

#[cfg(test)]
mod tests;
