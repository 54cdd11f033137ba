//! The channels of `[alerts]` in `ingest.toml`, one table each.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use serde::Deserialize;
use tram_rules::Hazard;

use crate::{
    Config, Secret, SecretError,
    config::{Findings, is_web_url},
    people::simple,
};

/// The most channels of all kinds together: each is a thread.
pub const MAX_CHANNELS: usize = 32;

/// `[[alerts.email]]`: mail by SMTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Its name.
    pub name: String,
    /// The server: `smtps://host` (TLS from the start, port 465), `smtp+starttls://host` (port 587)
    /// or, on this machine only, `smtp://127.0.0.1:25`.
    pub url: String,
    /// Who the mail is from, such as `Trạm <warnings@example.gov.vn>`.
    pub from: String,
    /// The user name at the server.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// The authority that signed the server's certificate, PEM; default: those Mozilla trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// What an SMS gateway's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsFormat {
    /// JSON: what is put into the template is escaped as in a JSON string.
    #[default]
    Json,
    /// A form: what is put into the template is percent-encoded.
    Form,
}

/// `[[alerts.sms]]`: short messages by the HTTP gateway of a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// Its name.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// The body, with `{to}`, `{text}`, `{key}` and `{secret}` where they belong.
    pub body: String,
    /// What the body is: `json` (default) or `form`.
    #[serde(default)]
    pub format: SmsFormat,
    /// Headers, with `{secret}` and `{key}` where they belong.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The file that holds the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds the secret.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// Write Vietnamese without accents: 160 characters a message instead of 70.
    #[serde(default)]
    pub unaccented: bool,
    /// The most messages that one notice may cost, 1 to 6; it is shortened to fit.
    #[serde(default = "three")]
    pub max_parts: u8,
    /// Where in the JSON of the answer the message's number is, such as `/data/id`.
    #[serde(default)]
    pub reference: Option<String>,
    /// What the answer must contain when the gateway answers 200 to a failure as well.
    #[serde(default)]
    pub success: Option<String>,
}

fn three() -> u8 {
    3
}

/// `[[alerts.telegram]]`: a bot of Telegram.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// Its name.
    pub name: String,
    /// The file that holds the bot's token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The environment variable that holds the bot's token.
    #[serde(default)]
    pub token_env: Option<String>,
    /// The API; default `https://api.telegram.org`.
    #[serde(default = "telegram")]
    pub url: String,
}

fn telegram() -> String {
    "https://api.telegram.org".to_owned()
}

/// `[[alerts.zalo]]`: template messages of a Zalo official account (ZNS).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZaloConfig {
    /// Its name.
    pub name: String,
    /// The application's number.
    pub app_id: String,
    /// The file that holds the application's secret key.
    pub secret_file: PathBuf,
    /// The file with the refresh token. It works once: the program writes the next one into it, so
    /// nobody else may use it, and its folder must be writable.
    pub refresh_token_file: PathBuf,
    /// The number of the approved template.
    pub template_id: String,
    /// The template's parameters: their names, and what goes into each, with `{subject}`, `{area}`,
    /// `{hazard}`, `{level}`, `{count}` and `{link}`.
    pub parameters: BTreeMap<String, String>,
    /// The most characters of a parameter.
    #[serde(default = "hundred")]
    pub max_characters: u16,
    /// The service; default `https://business.openapi.zalo.me`.
    #[serde(default = "zalo")]
    pub url: String,
    /// Where tokens are given out; default `https://oauth.zaloapp.com`.
    #[serde(default = "zalo_tokens")]
    pub token_url: String,
}

fn hundred() -> u16 {
    100
}

fn zalo() -> String {
    "https://business.openapi.zalo.me".to_owned()
}

fn zalo_tokens() -> String {
    "https://oauth.zaloapp.com".to_owned()
}

/// `[[alerts.loudspeaker]]`: texts for loudspeakers at stations, over MQTT. It has no word for a
/// siren.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoudspeakerConfig {
    /// Its name.
    pub name: String,
    /// The loudspeakers, by the names under which they are nodes.
    pub stations: Vec<String>,
    /// The areas whose alarms they speak of; all when empty.
    #[serde(default)]
    pub areas: Vec<String>,
    /// The hazards they speak of; all when empty.
    #[serde(default)]
    pub hazards: Vec<Hazard>,
    /// The lowest level they speak of, 1 to 5.
    #[serde(default = "two")]
    pub min_level: u8,
    /// The broker, `mqtt://` or `mqtts://`; default: the centre's.
    #[serde(default)]
    pub url: Option<String>,
    /// The user name at that broker.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The authority that signed the broker's certificate, PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn two() -> u8 {
    2
}

/// `[[alerts.alertmanager]]`: Prometheus' Alertmanager, for those who already route there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Its name.
    pub name: String,
    /// Its address, without `/api/v2/alerts`.
    pub url: String,
    /// The lowest level it is told about, 0 to 5.
    #[serde(default)]
    pub min_level: u8,
    /// How often it is told again of what goes on, seconds, 10 to 240.
    #[serde(default = "minute")]
    pub resend_s: u32,
    /// The file that holds a bearer token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

fn minute() -> u32 {
    60
}

/// Fetches a secret that somebody else chose.
pub(super) fn secret(
    file: Option<&PathBuf>,
    variable: Option<&String>,
) -> Result<Option<Secret>, SecretError> {
    match (file, variable) {
        (Some(path), _) => Secret::given_in_file(path).map(Some),
        (None, Some(name)) => Secret::given_in_environment(name).map(Some),
        (None, None) => Ok(None),
    }
}

impl Config {
    /// The names of every channel.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        let webhooks = self.webhook.iter().map(|c| &c.name);
        let machines = webhooks.chain(self.alertmanager.iter().map(|c| &c.name));
        let aloud = self.loudspeaker.iter().map(|c| &c.name);
        machines.chain(aloud).map(String::as_str).chain(self.people_channels())
    }

    /// The names of the channels that lead to people.
    pub fn people_channels(&self) -> impl Iterator<Item = &str> {
        let written = self.email.iter().map(|c| &c.name).chain(self.sms.iter().map(|c| &c.name));
        let chats = self.telegram.iter().map(|c| &c.name).chain(self.zalo.iter().map(|c| &c.name));
        written.chain(chats).map(String::as_str)
    }
}

/// Everything that is wrong about channels.
pub(crate) fn check(config: &Config, findings: &mut Findings) {
    let count = config.channels().count();
    findings.unless(count <= MAX_CHANNELS, "email", "more than 32 channels", "remove some");
    let mut names: HashSet<&str> = config.webhook.iter().map(|hook| hook.name.as_str()).collect();
    for (kind, all) in names_by_kind(config) {
        for (i, name) in all.into_iter().enumerate() {
            findings.unless(
                simple(name) && names.insert(name),
                format!("{kind}[{i}].name"),
                "not a name of a-z, 0-9 and -, or the name of another channel",
                "give each channel a name of its own, such as `duty-mail`",
            );
        }
    }
    for (i, mail) in config.email.iter().enumerate() {
        if let Err((field, message)) = super::email::check(mail) {
            let fix = "write smtps://HOST, and an address such as `Trạm <warnings@example.gov.vn>`";
            findings.unless(false, format!("email[{i}].{field}"), message, fix);
        }
    }
    for (i, sms) in config.sms.iter().enumerate() {
        check_sms(findings, &format!("sms[{i}]"), sms);
    }
    for (i, bot) in config.telegram.iter().enumerate() {
        check_url(findings, &format!("telegram[{i}].url"), &bot.url);
        findings.unless(
            bot.token_file.is_some() != bot.token_env.is_some(),
            format!("telegram[{i}].token_file"),
            "the bot's token is named by token_file or by token_env, exactly one of them",
            "write `token_file = \"/etc/tram/telegram.token\"`",
        );
    }
    for (i, zalo) in config.zalo.iter().enumerate() {
        check_url(findings, &format!("zalo[{i}].url"), &zalo.url);
        check_url(findings, &format!("zalo[{i}].token_url"), &zalo.token_url);
        findings.unless(
            (1..=400).contains(&zalo.max_characters),
            format!("zalo[{i}].max_characters"),
            "a parameter has 1 to 400 characters",
            "write `max_characters = 100`",
        );
    }
    for (i, speaker) in config.loudspeaker.iter().enumerate() {
        check_loudspeaker(findings, &format!("loudspeaker[{i}]"), speaker, config);
    }
    for (i, manager) in config.alertmanager.iter().enumerate() {
        check_url(findings, &format!("alertmanager[{i}].url"), &manager.url);
        findings.unless(
            (10..=240).contains(&manager.resend_s) && manager.min_level <= 5,
            format!("alertmanager[{i}].resend_s"),
            "it is told again every 10 to 240 seconds, and levels go from 0 to 5",
            "write `resend_s = 60`",
        );
    }
}

fn names_by_kind(config: &Config) -> [(&'static str, Vec<&str>); 6] {
    [
        ("email", config.email.iter().map(|c| c.name.as_str()).collect()),
        ("sms", config.sms.iter().map(|c| c.name.as_str()).collect()),
        ("telegram", config.telegram.iter().map(|c| c.name.as_str()).collect()),
        ("zalo", config.zalo.iter().map(|c| c.name.as_str()).collect()),
        ("loudspeaker", config.loudspeaker.iter().map(|c| c.name.as_str()).collect()),
        ("alertmanager", config.alertmanager.iter().map(|c| c.name.as_str()).collect()),
    ]
}

fn check_url(findings: &mut Findings, key: &str, url: &str) {
    findings.unless(
        is_web_url(url) && !url.ends_with('/'),
        key,
        "not an http:// or https:// address without a slash at its end",
        "write the address as the service's documentation has it",
    );
}

fn check_sms(findings: &mut Findings, key: &str, sms: &SmsConfig) {
    check_url(findings, &format!("{key}.url"), sms.url.trim_end_matches('/'));
    findings.unless(
        sms.body.contains("{to}") && sms.body.contains("{text}") && sms.body.len() <= 8_192,
        format!("{key}.body"),
        "a body has {to} and {text} in it",
        "write the body as the gateway's documentation has it",
    );
    findings.unless(
        (1..=6).contains(&sms.max_parts),
        format!("{key}.max_parts"),
        "a notice costs 1 to 6 messages",
        "write `max_parts = 3`",
    );
    let asked =
        sms.body.contains("{secret}") || sms.headers.values().any(|v| v.contains("{secret}"));
    findings.unless(
        asked == (sms.secret_file.is_some() || sms.secret_env.is_some()),
        format!("{key}.secret_file"),
        "a secret without {secret} in body or headers, or the other way round",
        "write `secret_file = \"FILE\"` and {secret} where the gateway wants it",
    );
}

fn check_loudspeaker(
    findings: &mut Findings,
    key: &str,
    speaker: &LoudspeakerConfig,
    config: &Config,
) {
    let nodes = speaker.stations.iter().all(|s| tram_wire::NodeId::new(s).is_ok());
    findings.unless(
        nodes && (1..=256).contains(&speaker.stations.len()),
        format!("{key}.stations"),
        "there are 1 to 256 loudspeakers, each the name of a node",
        "write `stations = [\"loa-xom-1\"]`",
    );
    let known = |id: &String| config.area.iter().any(|area| area.id == *id);
    findings.unless(
        speaker.areas.iter().all(known),
        format!("{key}.areas"),
        "no [[alerts.area]] has this id",
        "write ids of areas",
    );
    findings.unless(
        (1..=5).contains(&speaker.min_level),
        format!("{key}.min_level"),
        "loudspeakers speak of levels 1 to 5",
        "write `min_level = 2`",
    );
    let url = speaker.url.as_deref();
    let fits = url.is_none_or(|u| u.starts_with("mqtt://") || u.starts_with("mqtts://"));
    findings.unless(
        fits && (url.is_some() || speaker.user.is_none()),
        format!("{key}.url"),
        "not a broker's address, or a user without one",
        "write `url = \"mqtts://broker.example.org:8883\"`, or leave url and user out",
    );
}
