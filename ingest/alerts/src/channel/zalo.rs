//! Zalo Notification Service: messages of an approved template.
//!
//! Access tokens live for about a day, refresh tokens for about three months, and a refresh token
//! works **once**: with the new access token comes the next refresh token. So one channel is the
//! only one that uses it, and writes the next one to the disk before it does anything else. When
//! the machine dies between the service's answer and that write, the token is gone: somebody has to
//! make a new one in the service's console, which the error says.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tram_wire::UnixMicros;

use super::{
    ZaloConfig,
    http::{Http, HttpAnswer, HttpRequest, redacted, refusal, shortened},
    template::{fill, percent},
};
use crate::{Delivery, DeliveryResult, Notice, Secret, SecretError, time::SECOND};

/// A token is renewed so long before it ends.
const BEFORE_END: i64 = 600 * SECOND;
/// How long an access token lives when the service does not say: 25 hours, as it says itself.
const LIVES_S: i64 = 90_000;
/// What the service answers when an access token is not valid (any more).
const TOKEN_ERRORS: [i64; 2] = [-124, -216];

/// What the file of tokens holds, once the program has written it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tokens {
    refresh_token: String,
    #[serde(default)]
    access_token: String,
    /// Microseconds since 1970.
    #[serde(default)]
    expires_at: i64,
}

/// The channel.
pub(crate) struct Zalo {
    config: ZaloConfig,
    secret: Secret,
    tokens: Tokens,
    http: Http,
}

impl core::fmt::Debug for Zalo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Zalo").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Zalo {
    /// Reads the tokens.
    pub(super) fn new(config: &ZaloConfig) -> Result<Self, SecretError> {
        let secret = Secret::given_in_file(&config.secret_file)?;
        let kept = Secret::given_in_file(&config.refresh_token_file)?;
        // Before its first use somebody has put the bare token there.
        let tokens = serde_json::from_str(kept.text()).unwrap_or_else(|_| Tokens {
            refresh_token: kept.text().to_owned(),
            access_token: String::new(),
            expires_at: 0,
        });
        Ok(Self { config: config.clone(), secret, tokens, http: Http::new() })
    }

    /// Sends, with a new access token when that is needed.
    pub(super) fn send(
        &mut self,
        delivery: &Delivery,
        notice: &Notice,
        now: UnixMicros,
    ) -> DeliveryResult {
        if now.0 >= self.tokens.expires_at - BEFORE_END
            && let Err(failed) = self.renew(now)
        {
            return failed;
        }
        let result = self.attempt(delivery, notice);
        if !matches!(&result, Attempt::TokenRefused) {
            return result.into();
        }
        match self.renew(now) {
            Ok(()) => self.attempt(delivery, notice).into(),
            Err(failed) => failed,
        }
    }

    fn attempt(&self, delivery: &Delivery, notice: &Notice) -> Attempt {
        let token = &self.tokens.access_token;
        match self.http.post(&request(&self.config, token, &delivery.address, notice)) {
            Ok(answer) => result(&answer),
            Err(lost) => Attempt::Done(redacted(lost, token)),
        }
    }

    fn renew(&mut self, now: UnixMicros) -> Result<(), DeliveryResult> {
        let request = renewal(&self.config, self.secret.text(), &self.tokens.refresh_token);
        let answer = self.http.post(&request)?;
        let tokens = renewed(&answer, now)?;
        // From here on the old token is worth nothing: the new one must not be lost.
        keep(&self.config.refresh_token_file, &tokens).map_err(|error| {
            let path = self.config.refresh_token_file.display();
            DeliveryResult::Failed(format!("{path} cannot be written: {error}"))
        })?;
        self.tokens = tokens;
        Ok(())
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Attempt {
    Done(DeliveryResult),
    /// The access token is not valid.
    TokenRefused,
}

impl From<Attempt> for DeliveryResult {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Attempt::Done(result) => result,
            Attempt::TokenRefused => Self::Failed("the service refuses the token".to_owned()),
        }
    }
}

/// `POST /message/template`.
fn request(config: &ZaloConfig, token: &str, phone: &str, notice: &Notice) -> HttpRequest {
    let value = |name: &str| match name {
        "subject" => Some(notice.subject.clone()),
        "area" => Some(notice.area.clone()),
        "hazard" => Some(notice.hazard.clone()),
        "level" => Some(notice.level.to_string()),
        "count" => Some(notice.lines.len().to_string()),
        "link" => Some(notice.links.first().map(|link| link.url.clone()).unwrap_or_default()),
        _ => None,
    };
    let most = usize::from(config.max_characters);
    let data: serde_json::Map<String, Value> = config
        .parameters
        .iter()
        .map(|(name, template)| (name.clone(), shortened(&fill(template, value), most).into()))
        .collect();
    let body = json!({
        "phone": international(phone),
        "template_id": config.template_id,
        "template_data": data,
        "tracking_id": notice.key,
    });
    HttpRequest {
        url: format!("{}/message/template", config.url),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("access_token".to_owned(), token.to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// A number as the service wants it: `84…` without a plus sign.
fn international(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('0') {
        Some(rest) => format!("84{rest}"),
        None => digits,
    }
}

/// What the answer means: 200 in any case, and a number that is 0 when it was taken.
fn result(answer: &HttpAnswer) -> Attempt {
    if !(200..=299).contains(&answer.status) {
        return Attempt::Done(refusal(answer.status, ""));
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = said.get("message").and_then(Value::as_str).unwrap_or_default();
    match said.get("error").and_then(Value::as_i64) {
        Some(0) => {
            let id = said.pointer("/data/msg_id").and_then(Value::as_str);
            Attempt::Done(DeliveryResult::Sent(id.map(str::to_owned)))
        }
        Some(error) if TOKEN_ERRORS.contains(&error) => Attempt::TokenRefused,
        Some(error) => {
            let text = format!("error {error}: {}", shortened(message, 200));
            Attempt::Done(DeliveryResult::Refused(text))
        }
        None => Attempt::Done(DeliveryResult::Failed("the answer is not Zalo's".to_owned())),
    }
}

/// `POST /v4/oa/access_token`.
fn renewal(config: &ZaloConfig, secret: &str, refresh_token: &str) -> HttpRequest {
    let (app, token) = (percent(&config.app_id), percent(refresh_token));
    HttpRequest {
        url: format!("{}/v4/oa/access_token", config.token_url),
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("secret_key".to_owned(), secret.to_owned()),
        ],
        body: format!("refresh_token={token}&app_id={app}&grant_type=refresh_token").into_bytes(),
    }
}

/// The tokens of an answer.
fn renewed(answer: &HttpAnswer, now: UnixMicros) -> Result<Tokens, DeliveryResult> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    let lives = match said.get("expires_in") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
        None => None,
    };
    match (text("access_token"), text("refresh_token")) {
        (Some(access_token), Some(refresh_token)) => {
            let lives = lives.filter(|s| (1..=31_536_000).contains(s)).unwrap_or(LIVES_S);
            Ok(Tokens { refresh_token, access_token, expires_at: now.0 + lives * SECOND })
        }
        _ => {
            let error = said.get("error").and_then(Value::as_i64).unwrap_or_default();
            let why = text("error_name").or_else(|| text("message")).unwrap_or_default();
            Err(DeliveryResult::Failed(format!(
                "no new token (status {}, error {error} {}); make a refresh token in Zalo's console \
                 and put it into refresh_token_file",
                answer.status,
                shortened(&why, 100)
            )))
        }
    }
}

/// Writes the tokens so that after a crash either the old ones or the new ones are there.
fn keep(path: &Path, tokens: &Tokens) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new: PathBuf = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(tokens)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}
