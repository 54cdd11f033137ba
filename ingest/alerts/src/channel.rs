//! Ways to reach somebody. Each channel is an encoder, which makes a request of a message and a
//! result of an answer and knows no network, and one blocking transport that carries it.

mod config;

pub use config::{
    AlertmanagerConfig, EmailConfig, LoudspeakerConfig, MAX_CHANNELS, SmsConfig, SmsFormat,
    TelegramConfig, ZaloConfig,
};

pub(crate) use config::check;
