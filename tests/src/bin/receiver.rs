//! An example of a webhook receiver, and the one the demonstration uses: checks the signature,
//! drops repetitions by their idempotency key, prints one line a message and keeps it in a file.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use clap::Parser;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

/// The largest message taken, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Receives Trạm's signed webhooks: checks the signature, drops repetitions, keeps the rest.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one, and the first line printed says which.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// File with the secret shared with the centre.
    #[arg(long)]
    secret_file: PathBuf,
    /// File that gets one JSON line a message.
    #[arg(long)]
    log: PathBuf,
}

struct Receiver {
    secret: Vec<u8>,
    kept: Mutex<Kept>,
}

struct Kept {
    file: File,
    keys: HashSet<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let secret = std::fs::read_to_string(&arguments.secret_file)
        .with_context(|| format!("reading {}", arguments.secret_file.display()))?;
    let receiver = Receiver {
        secret: secret.trim().as_bytes().to_vec(),
        kept: Mutex::new(open(&arguments.log)?),
    };
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("listening on {}", arguments.listen))?;
    println!("receiving on http://{}/webhook", listener.local_addr()?);
    let router = Router::new()
        .route("/webhook", post(receive))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(receiver));
    axum::serve(listener, router).with_graceful_shutdown(stopped()).await?;
    Ok(())
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Opens the log and reads the keys of what it already holds.
fn open(path: &PathBuf) -> Result<Kept> {
    let mut keys = HashSet::new();
    if path.exists() {
        for line in BufReader::new(File::open(path)?).lines() {
            let row: Value = serde_json::from_str(&line?).unwrap_or_default();
            keys.extend(row.get("key").and_then(Value::as_str).map(str::to_owned));
        }
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    Ok(Kept { file, keys })
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    match take(&receiver, &headers, &body) {
        Ok(line) => {
            println!("{line}");
            (StatusCode::OK, "kept\n".to_owned())
        }
        Err(error) => {
            println!("refused: {error:#}");
            (StatusCode::BAD_REQUEST, format!("{error:#}\n"))
        }
    }
}

fn take(receiver: &Receiver, headers: &HeaderMap, body: &[u8]) -> Result<String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|v| v.to_str().ok());
        value.with_context(|| format!("the header {name} is missing"))
    };
    let key = header("idempotency-key")?;
    check(&receiver.secret, header("x-tram-timestamp")?, header("x-tram-signature")?, body)?;
    let message: Value = serde_json::from_slice(body).context("the body is not JSON")?;

    let mut kept = receiver.kept.lock().map_err(|_| anyhow::anyhow!("the log is broken"))?;
    let repeated = kept.keys.contains(key);
    if !repeated {
        // The file first: an answer of 200 means that the message is kept.
        let row = json!({ "key": key, "message": message });
        writeln!(kept.file, "{row}")?;
        kept.file.sync_data()?;
        kept.keys.insert(key.to_owned());
    }
    let headline = message.pointer("/alarm/headline/vi").and_then(Value::as_str);
    let text = headline.map_or_else(|| message.to_string(), str::to_owned);
    Ok(format!("{} {key} {text}", if repeated { "repeated" } else { "new" }))
}

/// The signature is the HMAC-SHA256 of `timestamp.body`.
fn check(secret: &[u8], timestamp: &str, signature: &str, body: &[u8]) -> Result<()> {
    let hex = signature.strip_prefix("sha256=").context("the signature is not sha256=…")?;
    ensure!(hex.len() == 64 && hex.is_ascii(), "the signature is not 64 hexadecimal digits");
    let digits: Vec<u8> = (0..hex.len())
        .step_by(2)
        .filter_map(|i| hex.get(i..i + 2).and_then(|two| u8::from_str_radix(two, 16).ok()))
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).context("the secret is empty")?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&digits).context("the signature is wrong: are the secrets the same?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_own_body_and_time_only() {
        // printf '1.{}' | openssl dgst -sha256 -hmac secret
        let right = "sha256=1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908";
        assert!(check(b"secret", "1", right, b"{}").is_ok());
        assert!(check(b"secret", "2", right, b"{}").is_err());
        assert!(check(b"secret", "1", right, b"{ }").is_err());
        assert!(check(b"other", "1", right, b"{}").is_err());
        assert!(check(b"secret", "1", "sha256=00", b"{}").is_err());
    }
}
