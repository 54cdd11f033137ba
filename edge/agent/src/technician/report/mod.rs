//! The report of commissioning: what was proved, when and by whom, signed with the station's key.
//!
//! The JSON file is the report. Its last entry is the signature, over every byte before the comma
//! and line break that lead to it, so that nobody has to agree on how JSON is to be written. The
//! page is made of that file and nothing else and holds it word for word; a changed page is found
//! out by making it again.

mod label;
mod page;
mod seal;

use std::{fs::File, io::Read as _, path::Path};

use serde::{Deserialize, Serialize};

pub(super) use label::label;
pub(super) use page::page;
pub(super) use seal::Key;

use crate::calibration::Entry;

/// What the first entry of every report says.
pub(super) const FORMAT: &str = "tram-commission/1";
/// The largest file that is read; a report of 256 channels has about 200 kB.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Where the signature begins.
const BEFORE_SIGNATURE: &str = ",\n  \"signature\": \"";
const AFTER_SIGNATURE: &str = "\"\n}\n";

/// A text `[vi, en]`.
pub(super) type Both = [String; 2];

/// What was proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// [`FORMAT`].
    pub(super) format: String,
    pub(super) station: String,
    /// RFC 3339 in UTC, by the station's clock.
    pub(super) made_at: String,
    /// Who commissioned it.
    pub(super) by: String,
    /// Whether everything was proved.
    pub(super) passed: bool,
    /// Parts were emulated: it proves the way to the centre and nothing about a sensor.
    pub(super) training: bool,
    /// Program and version.
    pub(super) software: String,
    /// Digest of the station file, in hexadecimal digits, as the birth says it.
    pub(super) config_digest: String,
    /// What the parts are connected to.
    pub(super) hardware: String,
    /// Where readings went.
    pub(super) broker: String,
    /// Where they were looked up, when they were.
    pub(super) centre: Option<String>,
    pub(super) checks: Vec<Check>,
    pub(super) channels: Vec<Channel>,
    /// The whole history, so that it survives the card.
    pub(super) calibrations: Vec<Entry>,
    /// The key that signs: SubjectPublicKeyInfo (RFC 8410) in Base64.
    pub(super) public_key: String,
}

/// What came of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// Somebody chose not to try it, which proves nothing.
    Skipped,
}

impl Outcome {
    pub(super) fn words(self) -> [&'static str; 2] {
        match self {
            Self::Passed => ["đạt", "passed"],
            Self::Failed => ["không đạt", "failed"],
            Self::Skipped => ["bỏ qua", "skipped"],
        }
    }
}

/// One thing besides the channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// `clock`, `broker`, `centre`, `siren`.
    pub(super) name: String,
    pub(super) outcome: Outcome,
    /// What was seen, and what to do when it failed: `[vi, en]`.
    pub(super) told: Both,
}

/// How far a reading of a channel was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Proof {
    /// The very reading was looked up in the centre's store over HTTP.
    Store,
    /// The centre acknowledged over MQTT that it is on its disk.
    Acknowledged,
    /// Not proved.
    None,
}

impl Proof {
    pub(super) fn words(self) -> [&'static str; 2] {
        match self {
            Self::Store => ["đọc lại từ kho của trung tâm", "read back from the centre's store"],
            Self::Acknowledged => {
                ["trung tâm xác nhận đã ghi đĩa", "acknowledged by the centre as on its disk"]
            }
            Self::None => ["chưa chứng minh được", "not proved"],
        }
    }
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) quantity: String,
    pub(super) unit: String,
    /// Part and place.
    pub(super) sensor: String,
    pub(super) position: String,
    pub(super) calibration: String,
    pub(super) proof: Proof,
    /// The reading that proves it, in the unit, as the centre shows it.
    pub(super) value: Option<String>,
    /// When it was taken, RFC 3339.
    pub(super) time: Option<String>,
    /// QARTOD flag.
    pub(super) quality: Option<u8>,
    /// Tests that fired.
    pub(super) tests: Vec<String>,
    /// `node/spool/seq`.
    pub(super) batch: Option<String>,
    /// What is wrong and what to do: `[vi, en]`, empty when it was proved.
    pub(super) told: Both,
}

/// Signs a report and returns its file.
pub(super) fn sign(report: &Report, key: &Key) -> serde_json::Result<String> {
    // `<` is in strings only, and without it the file can stand in a page as it is.
    let json = serde_json::to_string_pretty(report)?.replace('<', "\\u003c");
    let body = json.strip_suffix("\n}").unwrap_or(&json);
    let signature = key.sign(body.as_bytes());
    Ok(format!("{body}{BEFORE_SIGNATURE}{signature}{AFTER_SIGNATURE}"))
}

/// The number of a report: the first ten bytes of the SHA-256 of its file.
pub(super) fn number(file: &str) -> String {
    short(file.as_bytes())
}

/// The fingerprint of a key: the same of its SubjectPublicKeyInfo.
pub(super) fn fingerprint(public_key: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    short(&STANDARD.decode(public_key).unwrap_or_default())
}

fn short(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: Vec<String> = digest.as_ref().iter().take(10).map(|b| format!("{b:02x}")).collect();
    let pairs: Vec<String> = hex.chunks(2).map(<[String]>::concat).collect();
    pairs.join("-")
}

/// Checks the signature of a report's file.
///
/// # Errors
/// What is wrong with it, `[vi, en]`.
pub(super) fn open(file: &str) -> Result<Report, Both> {
    let at = file.rfind(BEFORE_SIGNATURE).ok_or_else(not_a_report)?;
    let (body, tail) = file.split_at(at);
    let signature = tail
        .strip_prefix(BEFORE_SIGNATURE)
        .and_then(|t| t.strip_suffix(AFTER_SIGNATURE))
        .ok_or_else(not_a_report)?;
    let report: Report =
        serde_json::from_str(&format!("{body}\n}}")).map_err(|_| not_a_report())?;
    if report.format != FORMAT || !report.calibrations.iter().all(Entry::sound) {
        return Err(not_a_report());
    }
    if seal::verify(&report.public_key, body.as_bytes(), signature) {
        Ok(report)
    } else {
        Err([
            "CHỮ KÝ SAI: biên bản đã bị sửa sau khi ký".to_owned(),
            "THE SIGNATURE IS WRONG: the report was changed after it was signed".to_owned(),
        ])
    }
}

fn not_a_report() -> Both {
    [
        "đây không phải biên bản nghiệm thu, hoặc không còn nguyên vẹn".to_owned(),
        "this is not a report of commissioning, or not whole".to_owned(),
    ]
}

/// Reads a report, JSON or page, and checks its signature.
///
/// # Errors
/// What is wrong with it, `[vi, en]`.
pub(super) fn read(path: &Path) -> Result<Report, Both> {
    read_file(path).map(|(report, _)| report)
}

/// The same with the JSON file that it was read from.
///
/// # Errors
/// As [`read`].
pub(super) fn read_file(path: &Path) -> Result<(Report, String), Both> {
    let text = text(path).map_err(|e| {
        let file = path.display();
        [format!("không đọc được {file}: {e}"), format!("{file} cannot be read: {e}")]
    })?;
    let Some(inside) = page::inside(&text) else {
        return open(&text).map(|report| (report, text));
    };
    let report = open(inside)?;
    if page(&report, inside) != text {
        return Err([
            "TRANG ĐÃ BỊ SỬA: nội dung hiển thị không khớp với dữ liệu đã ký bên trong".to_owned(),
            "THE PAGE WAS CHANGED: what it shows is not what was signed inside".to_owned(),
        ]);
    }
    Ok((report, inside.to_owned()))
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn report() -> Report {
        let pair = |vi: &str, en: &str| [vi.to_owned(), en.to_owned()];
        Report {
            format: FORMAT.to_owned(),
            station: "lao-cai-river-01".to_owned(),
            made_at: "2026-03-02T08:00:00Z".to_owned(),
            by: "Nguyễn Văn An <an@example.vn>".to_owned(),
            passed: true,
            training: false,
            software: "tram-edge 0.1.0".to_owned(),
            config_digest: "0011223344556677".to_owned(),
            hardware: "a Raspberry Pi".to_owned(),
            broker: "mqtts://centre:8883".to_owned(),
            centre: Some("http://centre:8080".to_owned()),
            checks: vec![Check {
                name: "clock".to_owned(),
                outcome: Outcome::Passed,
                told: pair("đúng giờ", "right"),
            }],
            channels: vec![Channel {
                name: "water_level".to_owned(),
                quantity: "water_level".to_owned(),
                unit: "m".to_owned(),
                sensor: "ultrasonic /dev/serial0".to_owned(),
                position: "cầu Cốc Lếu </script>".to_owned(),
                calibration: String::new(),
                proof: Proof::Store,
                value: Some("77.520".to_owned()),
                time: Some("2026-03-02T07:59:58Z".to_owned()),
                quality: Some(1),
                tests: Vec::new(),
                batch: None,
                told: pair("", ""),
            }],
            calibrations: Vec::new(),
            public_key: String::new(),
        }
    }

    fn signed(folder: &Path) -> (Report, String) {
        let key = Key::open(folder).unwrap();
        let report = Report { public_key: key.public(), ..report() };
        let file = sign(&report, &key).unwrap();
        (report, file)
    }

    #[test]
    fn every_byte_of_a_report_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let (report, file) = signed(folder.path());
        assert_eq!(open(&file), Ok(report));
        // Whatever byte is changed: it is another text, or no text at all.
        for at in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(open(&changed).is_err(), "byte {at} of\n{file}");
        }
        for cut in 0..file.len() {
            if let Some(cut) = file.get(..cut) {
                assert!(open(cut).is_err(), "cut at {}", cut.len());
            }
        }
    }

    #[test]
    fn a_page_holds_its_report_and_shows_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (report, file) = signed(folder.path());
        let html = page(&report, &file);
        let path = folder.path().join("report.html");
        fs::write(&path, &html).unwrap();
        assert_eq!(read_file(&path), Ok((report, file)));
        fs::write(&path, html.replacen("77.520", "79.520", 1)).unwrap();
        let told = read(&path).unwrap_err();
        assert!(told[1].contains("PAGE WAS CHANGED"), "{told:?}");
        let last = html.rfind("77.520").unwrap();
        let mut inside = html.clone();
        inside.replace_range(last..last + 6, "79.520");
        fs::write(&path, inside).unwrap();
        assert!(read(&path).unwrap_err()[1].contains("SIGNATURE IS WRONG"));
    }

    #[test]
    fn a_report_signed_by_another_key_is_another_report() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mine, _) = signed(one.path());
        let key = Key::open(other.path()).unwrap();
        // It says my key and is signed with another.
        assert!(open(&sign(&mine, &key).unwrap()).is_err());
    }
}
