//! The `[alerts]` table of `ingest.toml`.

use std::{collections::HashSet, path::PathBuf};

use serde::Deserialize;
use tram_rules::Words;

use crate::{
    AlertmanagerConfig, EmailConfig, GroupConfig, LoudspeakerConfig, MAX_PERSON_BYTES,
    PersonConfig, Secret, SecretError, SelfTestConfig, SmsConfig, TelegramConfig, ZaloConfig,
    area::{AreaMistake, MAX_AREAS},
    cap::is_identifier,
    channel,
    config_area::AreaConfig,
    people,
};

/// The most webhook targets.
pub const MAX_WEBHOOKS: usize = 16;
/// The most names in `approvers`.
pub const MAX_APPROVERS: usize = 100;
/// The longest text of the configuration, in bytes.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// What every message of this installation claims to be (CAP `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// People have to act on it.
    Actual,
    /// A drill: to be acted on only by those who take part.
    Exercise,
    /// Between machines.
    System,
    /// A technical test, to be disregarded. The default: an installation nobody has configured
    /// claims no emergency.
    #[default]
    Test,
}

impl MessageStatus {
    /// The word in configuration and webhooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Exercise => "exercise",
            Self::System => "system",
            Self::Test => "test",
        }
    }
}

/// The `[alerts]` table: who speaks, about which areas, to whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// CAP `sender`: globally unique, such as `tram@example.gov.vn`; no white space, comma, `<`
    /// or `&`.
    pub sender: String,
    /// The office's name for people.
    pub sender_name: Words,
    /// CAP `status` of every message.
    #[serde(default)]
    pub status: MessageStatus,
    /// Where the server is reached from outside, such as `https://warn.example.gov.vn`, without a
    /// slash at the end. Links in the feed and CAP's `web` begin with it.
    pub public_url: String,
    /// CAP `contact`: whom to call.
    #[serde(default)]
    pub contact: Option<String>,
    /// The names of those who may approve and reject drafts, as they write them in `by`; anybody who
    /// may act at all when empty. At most [`MAX_APPROVERS`].
    #[serde(default)]
    pub approvers: Vec<String>,
    /// How long a message stands before it has to be renewed; hours, 1 to 48.
    #[serde(default = "default_expires_h")]
    pub expires_h: u32,
    /// The area of a station that no area lists.
    pub default_area: String,
    /// The areas, at most [`MAX_AREAS`].
    pub area: Vec<AreaConfig>,
    /// Who is told, at most [`MAX_WEBHOOKS`].
    #[serde(default)]
    pub webhook: Vec<WebhookConfig>,
    /// Other machines that are told: Prometheus' Alertmanager.
    #[serde(default)]
    pub alertmanager: Vec<AlertmanagerConfig>,
    /// Loudspeakers.
    #[serde(default)]
    pub loudspeaker: Vec<LoudspeakerConfig>,
    /// Ways to reach people.
    #[serde(default)]
    pub email: Vec<EmailConfig>,
    /// Short messages.
    #[serde(default)]
    pub sms: Vec<SmsConfig>,
    /// Bots of Telegram.
    #[serde(default)]
    pub telegram: Vec<TelegramConfig>,
    /// Official accounts of Zalo.
    #[serde(default)]
    pub zalo: Vec<ZaloConfig>,
    /// Who is told, and answers.
    #[serde(default)]
    pub person: Vec<PersonConfig>,
    /// Who is on call.
    #[serde(default)]
    pub group: Vec<GroupConfig>,
    /// When every channel is tried; never when absent.
    #[serde(default)]
    pub self_test: Option<SelfTestConfig>,
}

fn default_expires_h() -> u32 {
    6
}

/// One `[[alerts.webhook]]`: a receiver of signed JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name, part of every idempotency key: renaming it makes it a new recipient.
    pub name: String,
    /// Where to POST; `http://` or `https://`.
    pub url: String,
    /// The file that holds the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds the secret.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// The lowest level this receiver is told about, 0 to 5; 0 adds what has no level, such as a
    /// station without data. An episode that once reached it is told to its end.
    #[serde(default)]
    pub min_level: u8,
}

impl WebhookConfig {
    /// Fetches the secret from where the configuration says it is.
    ///
    /// # Errors
    /// [`SecretError`] when there is none.
    pub fn secret(&self) -> Result<Secret, SecretError> {
        match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => Secret::from_file(path),
            (None, Some(name)) => Secret::from_environment(name),
            (None, None) => Err(SecretError::Environment("(none configured)".to_owned())),
        }
    }
}

/// What is wrong with a configuration, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// The key below `[alerts]`, such as `area[1].polygon`.
    pub key_path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

/// Collects mistakes.
pub(crate) struct Findings(Vec<ConfigMistake>);

impl Findings {
    pub(crate) fn unless(
        &mut self,
        ok: bool,
        key_path: impl Into<String>,
        message: &str,
        fix: &str,
    ) {
        if !ok {
            let (message, fix) = (message.to_owned(), fix.to_owned());
            self.0.push(ConfigMistake { key_path: key_path.into(), message, fix });
        }
    }
}

impl Config {
    /// Everything that is wrong beyond the types; empty when the configuration can be used.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigMistake> {
        let mut findings = Findings(Vec::new());
        self.check_sender(&mut findings);
        self.check_areas(&mut findings);
        self.check_webhooks(&mut findings);
        channel::check(self, &mut findings);
        people::check(self, &mut findings);
        findings.0
    }

    fn check_sender(&self, findings: &mut Findings) {
        findings.unless(
            is_identifier(&self.sender),
            "sender",
            "a CAP sender has no white space, comma, `<` or `&`, and at most 200 bytes",
            "write an address of the office, such as `tram@example.gov.vn`",
        );
        findings.unless(
            is_web_url(&self.public_url) && !self.public_url.ends_with('/'),
            "public_url",
            "not an http:// or https:// address without a slash at its end",
            "write `https://` and the host's name, such as `https://warn.example.gov.vn`",
        );
        findings.unless(
            (1..=48).contains(&self.expires_h),
            "expires_h",
            "a message stands for 1 to 48 hours",
            "write `expires_h = 6`",
        );
        check_texts(findings, "sender_name", &self.sender_name);
        let named = |name: &String| is_text(name) && name.len() <= MAX_PERSON_BYTES;
        findings.unless(
            self.approvers.len() <= MAX_APPROVERS && self.approvers.iter().all(named),
            "approvers",
            "more than 100 names, or a name that is empty or longer than 100 bytes",
            "write `approvers = [\"Nguyễn Văn An\"]`",
        );
        let contact = self.contact.as_ref().is_none_or(|c| is_text(c));
        findings.unless(contact, "contact", EMPTY_OR_LONG, "write a telephone number or leave it");
    }

    fn check_areas(&self, findings: &mut Findings) {
        findings.unless(
            (1..=MAX_AREAS).contains(&self.area.len()),
            "area",
            "there are 1 to 256 areas",
            "add an [[alerts.area]] with id, name and communes",
        );
        findings.unless(
            self.area.iter().any(|a| a.id == self.default_area),
            "default_area",
            "no [[alerts.area]] has this id",
            "write the id of one of the areas",
        );
        let (mut ids, mut stations) = (HashSet::new(), HashSet::new());
        for (i, area) in self.area.iter().enumerate() {
            let key = format!("area[{i}]");
            let new = ids.insert(area.id.as_str());
            findings.unless(new, format!("{key}.id"), "a second area with this id", "rename one");
            check_texts(findings, &format!("{key}.name"), &area.name);
            for station in &area.stations {
                findings.unless(
                    tram_wire::NodeId::new(station).is_ok() && stations.insert(station.as_str()),
                    format!("{key}.stations"),
                    "not a station's name, or a station that another area lists already",
                    "list each station once, such as \"lao-cai-river-01\"",
                );
            }
            if let Err(AreaMistake { field, message, fix }) = area.area() {
                findings.unless(false, format!("{key}.{field}"), message, fix);
            }
        }
    }

    fn check_webhooks(&self, findings: &mut Findings) {
        findings.unless(
            self.webhook.len() <= MAX_WEBHOOKS,
            "webhook",
            "more than 16 webhooks",
            "let one receiver pass messages on",
        );
        let mut names = HashSet::new();
        for (i, hook) in self.webhook.iter().enumerate() {
            let key = format!("webhook[{i}]");
            findings.unless(
                is_text(&hook.name) && names.insert(hook.name.as_str()),
                format!("{key}.name"),
                "empty, too long, or the name of another webhook",
                "give each webhook a name of its own",
            );
            findings.unless(
                is_web_url(&hook.url),
                format!("{key}.url"),
                "not an http:// or https:// address",
                "write where to POST, such as `https://example.gov.vn/warnings`",
            );
            findings.unless(
                hook.secret_file.is_some() != hook.secret_env.is_some(),
                format!("{key}.secret_file"),
                "the secret is named by secret_file or by secret_env, exactly one of them",
                "write `secret_file = \"/etc/tram/webhook.secret\"`",
            );
            findings.unless(
                hook.min_level <= 5,
                format!("{key}.min_level"),
                "levels go from 0 to 5",
                "write `min_level = 1`",
            );
        }
    }
}

const EMPTY_OR_LONG: &str = "empty, or longer than 1024 bytes";

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT_BYTES
}

fn check_texts(findings: &mut Findings, key: &str, texts: &Words) {
    for (language, text) in [("vi", &texts.vi), ("en", &texts.en), ("zh", &texts.zh)] {
        let key = format!("{key}.{language}");
        findings.unless(is_text(text), key, EMPTY_OR_LONG, "write a name in each language");
    }
}

pub(crate) fn is_web_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.len() <= MAX_TEXT_BYTES
        && url.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::CONFIG;

    fn parsed(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_sound_configuration_has_no_mistakes() {
        assert_eq!(parsed(CONFIG).unwrap().check(), []);
        assert_eq!(parsed(&CONFIG.replace("status", "#")).unwrap().status, MessageStatus::Test);
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for (from, to) in [
            ("contact =", "contct ="),
            ("radius_km = 80.0", "radius_km = 80.0, height = 1"),
            ("communes =", "comunes ="),
            ("secret_env =", "secret ="),
            ("zh = \"老街省\"", "zh = \"老街省\", fr = \"x\""),
            ("\"exercise\"", "\"drill\""),
        ] {
            assert!(CONFIG.contains(from), "{from}");
            assert!(parsed(&CONFIG.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn each_mistake_names_its_key() {
        for (from, to, key) in [
            ("tram@example.gov.vn", "tram @example", "sender"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", "public_url"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "public_url"),
            ("http://127.0.0.1:8080", "http://a b", "public_url"),
            ("contact = \"0214 000 000\"", "expires_h = 49", "expires_h"),
            ("en = \"Lào Cai disaster office\"", "en = \"\"", "sender_name.en"),
            ("\"0214 000 000\"", "\" \"", "contact"),
            ("contact = \"0214 000 000\"", "approvers = [\"\"]", "approvers"),
            ("default_area = \"province\"", "default_area = \"x\"", "default_area"),
            ("id = \"city\"", "id = \"province\"", "area[1].id"),
            ("\"02650\"", "\"2650\"", "area[1].communes"),
            (
                "[22.53, 104.02], [22.53, 103.93]",
                "[22.53, 103.93], [22.53, 104.02]",
                "area[1].polygon",
            ),
            ("[22.53, 104.02]", "[122.53, 104.02]", "area[1].polygon"),
            ("radius_km = 80.0", "radius_km = 0.0", "area[0].circle"),
            ("[\"lao-cai-river-01\"]", "[\"Lào Cai\"]", "area[1].stations"),
            ("http://127.0.0.1:8081/hook", "ftp://x", "webhook[0].url"),
            ("name = \"demo\"", "name = \"\"", "webhook[0].name"),
            ("secret_env =", "min_level = 6\nsecret_env =", "webhook[0].min_level"),
            ("secret_env =", "secret_file = \"x\"\nsecret_env =", "webhook[0].secret_file"),
            ("secret_env = \"TRAM_WEBHOOK_SECRET\"", "", "webhook[0].secret_file"),
        ] {
            assert!(CONFIG.contains(from), "{from}");
            let mistakes = parsed(&CONFIG.replacen(from, to, 1)).unwrap().check();
            let keys: Vec<&str> = mistakes.iter().map(|m| m.key_path.as_str()).collect();
            assert_eq!(keys.first(), Some(&key), "{to}: {keys:?}");
        }
    }
}
